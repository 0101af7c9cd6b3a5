import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main methods one after the other in one JVM. A line of JSON in: tool, args, input. A line of JSON out: code,
 * out, err. A tool that wants to end the JVM ends only its own call.
 */
public final class Driver {
    /** Stops a tool that has ended itself. Some tools catch it, and print it. */
    private static final class Ended extends Error {
        Ended() {
            super("", null, false, false);
        }
    }

    /** How the running tool has ended itself first; null while it has not. What it does later does not count. */
    private static volatile ObjectNode ended;
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static final ByteArrayOutputStream OUT = new ByteArrayOutputStream();
    private static final ByteArrayOutputStream ERR = new ByteArrayOutputStream();
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        // What a tool's threads print after its end must not be taken for an answer.
        PrintStream answers = System.out;
        System.setOut(new PrintStream(OUT, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(ERR, true, StandardCharsets.UTF_8));
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> {
            throw exit(code, message);
        });
        Exit.setHaltProcedure((code, message) -> {
            throw exit(code, message);
        });
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            answers.println(JSON.writeValueAsString(run(JSON.readTree(line))));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static Ended exit(int code, String message) {
        if (ended == null) {
            if (message != null) {
                System.err.println(message);
            }
            runHooks();
            ended = answer(code);
        }
        return new Ended();
    }

    private static void runHooks() {
        List<Runnable> hooks = List.copyOf(HOOKS);
        HOOKS.clear();
        hooks.forEach(Runnable::run);
    }

    private static ObjectNode answer(int code) {
        System.out.flush();
        System.err.flush();
        return JSON.createObjectNode().put("code", code).put("out", OUT.toString(StandardCharsets.UTF_8))
            .put("err", ERR.toString(StandardCharsets.UTF_8));
    }

    private static ObjectNode run(JsonNode call) {
        List<String> args = new ArrayList<>();
        call.get("args").forEach(a -> args.add(a.asText()));
        ended = null;
        OUT.reset();
        ERR.reset();
        System.setIn(new ByteArrayInputStream(call.get("input").asText().getBytes(StandardCharsets.UTF_8)));
        int code = 0;
        try {
            Tools.mainClass(call.get("tool").asText()).getMethod("main", String[].class)
                .invoke(null, (Object) args.toArray(new String[0]));
        } catch (InvocationTargetException e) {
            code = 1;
            if (!(e.getCause() instanceof Ended)) {
                e.getCause().printStackTrace();
            }
        } catch (ReflectiveOperationException e) {
            code = 2;
            e.printStackTrace();
        }
        runHooks();
        return ended == null ? answer(code) : ended;
    }
}
