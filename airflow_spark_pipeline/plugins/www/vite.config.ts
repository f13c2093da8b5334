import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Airflow shares these with plugins; a second copy of React would not work inside its page.
const shared = {
  react: "React",
  "react-dom": "ReactDOM",
  "react/jsx-runtime": "ReactJSXRuntime",
  "react-router-dom": "ReactRouterDOM",
};

// Airflow 3.1 does not share Chakra UI: the bundle for it, `vite build --mode airflow-3.1`, brings its own.
const bundle = (mode: string) =>
  mode === "airflow-3.1"
    ? { name: "main-3.1.js", globals: shared }
    : { name: "main.js", globals: { ...shared, "@chakra-ui/react": "ChakraUI" } };

export default defineConfig(({ command, mode }) => ({
  plugins: [react()],
  define: command === "build" ? { "process.env.NODE_ENV": JSON.stringify("production") } : {},
  build: {
    target: "es2022",
    emptyOutDir: false, // there are two bundles
    lib: { entry: "src/main.tsx", name: "SparkPipelinePage", formats: ["iife"], fileName: () => bundle(mode).name },
    rollupOptions: { external: Object.keys(bundle(mode).globals), output: { globals: bundle(mode).globals } },
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", restoreMocks: true, testTimeout: 60_000 },
}));
