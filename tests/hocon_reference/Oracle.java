import com.typesafe.config.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;

/** Reads file names from standard input, and prints what the reference implementation makes of each, one JSON a line. */
public final class Oracle {
    public static void main(String[] arguments) throws IOException {
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        for (String name = names.readLine(); name != null; name = names.readLine()) {
            StringBuilder line = new StringBuilder();
            try {
                Config config = ConfigFactory.parseFile(new File(name)).resolve();
                line.append("{\"value\":");
                write(config.root(), line);
            } catch (Throwable error) {
                line.setLength(0);
                line.append("{\"error\":");
                quote(error.getClass().getSimpleName() + ": " + error.getMessage(), line);
            }
            out.println(line.append('}'));
        }
        out.flush();
    }

    /** Texts start with "s:", numbers with "n:" and what was written, so that nothing is converted on the way. */
    private static void write(ConfigValue value, StringBuilder out) {
        switch (value.valueType()) {
            case OBJECT:
                char open = '{';
                for (Map.Entry<String, ConfigValue> entry : new TreeMap<>((ConfigObject) value).entrySet()) {
                    out.append(open);
                    quote(entry.getKey(), out);
                    out.append(':');
                    write(entry.getValue(), out);
                    open = ',';
                }
                out.append(open == '{' ? "{}" : "}");
                break;
            case LIST:
                char mark = '[';
                for (ConfigValue item : (ConfigList) value) {
                    out.append(mark);
                    write(item, out);
                    mark = ',';
                }
                out.append(mark == '[' ? "[]" : "]");
                break;
            case STRING: quote("s:" + value.unwrapped(), out); break;
            case NUMBER: quote("n:" + value.render(), out); break;
            case BOOLEAN: quote("b:" + value.unwrapped(), out); break;
            default: out.append("null");
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (char c : text.toCharArray()) {
            if (c < 32 || c == '"' || c == '\\' || c > 126) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }
}
