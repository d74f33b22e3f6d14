import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a group for drive.py: GroupMember BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS [INSTANCE]. */
public final class GroupMember implements ConsumerRebalanceListener {
    static final Map<String, String> ASSIGNORS = Map.of(
        "range", "org.apache.kafka.clients.consumer.RangeAssignor",
        "roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        "sticky", "org.apache.kafka.clients.consumer.StickyAssignor",
        "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    final KafkaConsumer<byte[], byte[]> consumer;
    final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();
    volatile boolean leaving;

    GroupMember(Map<String, Object> settings) {
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    public static void main(String[] arguments) {
        GroupMember member = new GroupMember(settings(arguments));
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            member.leave();
            try {
                main.join(30_000);
            } catch (InterruptedException gone) {
                Runtime.getRuntime().halt(3);
            }
            Runtime.getRuntime().halt(0);
        }));
        Thread listener = new Thread(member::awaitQuit);
        listener.setDaemon(true);
        listener.start();
        try {
            member.run(arguments[1]);
        } catch (Throwable error) {
            emit("error", "\"message\":" + quote(error.toString()));
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    static Map<String, Object> settings(String[] arguments) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("group.id", arguments[2]);
        settings.put("client.id", arguments[4]);
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "earliest");
        settings.put("metadata.max.age.ms", 1_000);
        settings.put("fetch.max.wait.ms", 100);
        if (arguments[3].equals("consumer")) {
            settings.put("group.protocol", "consumer");
        } else {
            int session = Integer.parseInt(arguments[5]);
            settings.put("partition.assignment.strategy", ASSIGNORS.get(arguments[3]));
            settings.put("session.timeout.ms", session);
            settings.put("heartbeat.interval.ms", Math.min(1_000, session / 10));
        }
        if (arguments.length > 6) {
            settings.put("group.instance.id", arguments[6]);
        }
        return settings;
    }

    void run(String topic) {
        consumer.subscribe(List.of(topic), this);
        emit("started", "\"pid\":" + ProcessHandle.current().pid());
        try {
            while (!leaving) {
                process(consumer.poll(Duration.ofMillis(200)));
            }
        } catch (WakeupException left) {
            leaving = true;
        }
        emit("closing", "");
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(20)));
        emit("closed", "");
    }

    void leave() {
        leaving = true;
        consumer.wakeup();
    }

    void awaitQuit() {
        try (BufferedReader input = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                if (line.equals("quit")) {
                    leave();
                }
            }
        } catch (java.io.IOException closed) {
            leave();
        }
    }

    void process(ConsumerRecords<byte[], byte[]> records) {
        for (TopicPartition partition : records.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> came = records.records(partition);
            long first = came.get(0).offset();
            long last = came.get(came.size() - 1).offset();
            emit("processed", "\"partition\":%d,\"first\":%d,\"last\":%d,\"count\":%d"
                .formatted(partition.partition(), first, last, came.size()));
            uncommitted.put(partition, new OffsetAndMetadata(last + 1));
        }
        commit();
    }

    /** What cannot be committed now because the group rebalances stays for the next time. */
    void commit() {
        if (uncommitted.isEmpty()) {
            return;
        }
        try {
            consumer.commitSync(uncommitted);
            emit("committed", "\"offsets\":{" + new TreeMap<>(uncommitted.entrySet().stream().collect(Collectors.toMap(
                entry -> entry.getKey().partition(), entry -> entry.getValue().offset()))).entrySet().stream()
                .map(entry -> "\"%d\":%d".formatted(entry.getKey(), entry.getValue())).collect(Collectors.joining(",")) + "}");
            uncommitted.clear();
        } catch (WakeupException asked) {
            leaving = true;
            commit();
        } catch (RebalanceInProgressException | RetriableException | CommitFailedException later) {
            emit("uncommitted", "\"message\":" + quote(later.toString()));
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        emit("assigned", "\"partitions\":" + numbers(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit();
        uncommitted.keySet().removeAll(partitions);
        emit("revoked", "\"partitions\":" + numbers(partitions));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        uncommitted.keySet().removeAll(partitions);
        emit("lost", "\"partitions\":" + numbers(partitions));
    }

    static String numbers(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::partition).sorted().map(String::valueOf)
            .collect(Collectors.joining(",", "[", "]"));
    }

    static synchronized void emit(String event, String fields) {
        System.out.printf("{\"t\":%d,\"event\":\"%s\"%s}%n", System.currentTimeMillis(), event,
            fields.isEmpty() ? "" : "," + fields);
        System.out.flush();
    }

    static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ") + '"';
    }
}
