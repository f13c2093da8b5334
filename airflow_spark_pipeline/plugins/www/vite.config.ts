import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Airflow shares these with plugins; a second copy of React would not work inside its page.
const shared = {
  react: "React",
  "react-dom": "ReactDOM",
  "react/jsx-runtime": "ReactJSXRuntime",
  "react-router-dom": "ReactRouterDOM",
  "@chakra-ui/react": "ChakraUI",
};

export default defineConfig(({ command }) => ({
  plugins: [react()],
  define: command === "build" ? { "process.env.NODE_ENV": JSON.stringify("production") } : {},
  build: {
    target: "es2022",
    lib: { entry: "src/main.tsx", name: "SparkPipelinePage", formats: ["iife"], fileName: () => "main.js" },
    rollupOptions: { external: Object.keys(shared), output: { globals: shared } },
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", restoreMocks: true },
}));
