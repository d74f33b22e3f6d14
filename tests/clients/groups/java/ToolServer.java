import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command-line tools one after another in one process, which is much faster than a process for each. Reads
 * a line for each run, the class and its arguments with tabs between; what it prints is followed by {@code => STATUS}.
 *
 * <p>{@code produce BOOTSTRAP TOPIC PARTITION COUNT FIRST_MS STEP_MS} is no tool: it writes records with known times.
 */
public final class ToolServer {
    /** What a tool's exit becomes, so that this process goes on. Some tools catch it, tell it and exit once more. */
    static final class Ended extends Error {
        Ended() {
            super("", null, false, false);
        }

        @Override
        public void printStackTrace(PrintStream output) {
        }

        @Override
        public void printStackTrace(PrintWriter output) {
        }
    }

    /** The first status that the tool asked for. */
    static Integer asked;

    public static void main(String[] none) throws Exception {
        System.setErr(System.out);
        Exit.Procedure procedure = (status, message) -> {
            asked = asked == null ? status : asked;
            throw new Ended();
        };
        Exit.setExitProcedure(procedure);
        Exit.setHaltProcedure(procedure);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            int status = run(words[0], Arrays.copyOfRange(words, 1, words.length));
            System.out.println("\n=> " + status);
            System.out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    static int run(String name, String[] arguments) {
        asked = null;
        try {
            if (name.equals("produce")) {
                produce(arguments);
            } else {
                Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            }
            return 0;
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Ended) {
                return asked;
            }
            thrown.getCause().printStackTrace(System.out);
            return 1;
        } catch (Exception error) {
            error.printStackTrace(System.out);
            return 1;
        }
    }

    static void produce(String[] words) {
        try (var producer = new KafkaProducer<>(Map.of("bootstrap.servers", words[0]), new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < Integer.parseInt(words[3]); number++) {
                long time = Long.parseLong(words[4]) + number * Long.parseLong(words[5]);
                producer.send(new ProducerRecord<>(words[1], Integer.valueOf(words[2]), time, null, "record " + number));
            }
        }
    }
}
