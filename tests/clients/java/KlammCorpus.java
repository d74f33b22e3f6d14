import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends the lines of a file round robin over three partitions and compares all that comes back:
 * {@code KlammCorpus BOOTSTRAP TOPIC CODEC FILE}. The last line printed is
 * {@code RECORDS SECONDS_SENDING SECONDS_READING same}, or tells the first difference.
 */
public final class KlammCorpus {
    static final int PARTITIONS = 3;
    /** Line n carries this time plus n milliseconds. */
    static final long FIRST_TIMESTAMP = System.currentTimeMillis() - TimeUnit.DAYS.toMillis(2);

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        Path file = Path.of(arguments[3]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            // The lines' times are up to days apart, so nothing may be cleaned away meanwhile.
            admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1")))).all().get();
        }
        long started = System.nanoTime();
        long count = send(bootstrap, topic, arguments[2], file);
        long sent = System.nanoTime();
        String difference = compare(bootstrap, topic, file, count);
        long read = System.nanoTime();
        System.out.printf("%d %d %d %s%n", count, TimeUnit.NANOSECONDS.toSeconds(sent - started),
            TimeUnit.NANOSECONDS.toSeconds(read - sent), difference == null ? "same" : difference.replace(' ', '_'));
        System.exit(difference == null ? 0 : 1);
    }

    static long send(String bootstrap, String topic, String codec, Path file) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "compression.type", codec, "acks", "all",
            "batch.size", 262_144, "linger.ms", 5);
        AtomicReference<Exception> failure = new AtomicReference<>();
        long count = 0;
        try (Lines lines = new Lines(file);
                KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (byte[] line = lines.next(); line != null && failure.get() == null; line = lines.next()) {
                int partition = (int) (count % PARTITIONS);
                producer.send(new ProducerRecord<>(topic, partition, FIRST_TIMESTAMP + count, null, line), (metadata, error) -> {
                    if (error != null) {
                        failure.compareAndSet(null, error);
                    }
                });
                count++;
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return count;
    }

    /** Line n must be at offset n / 3 of partition n % 3: one reader of the file for each partition. */
    static String compare(String bootstrap, String topic, Path file, long count) throws IOException {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", false, "max.poll.records", 20_000,
            "max.partition.fetch.bytes", 4 << 20);
        List<Lines> wanted = new ArrayList<>();
        List<TopicPartition> partitions = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            wanted.add(new Lines(file));
            wanted.get(partition).skip(partition);
            partitions.add(new TopicPartition(topic, partition));
        }
        long[] next = new long[PARTITIONS];
        long missing = count;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (missing > 0) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    String difference = difference(record, next[record.partition()]++, wanted.get(record.partition()));
                    if (difference != null) {
                        return difference;
                    }
                    missing--;
                    patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
                }
                if (System.nanoTime() > patience) {
                    return missing + " records do not come";
                }
            }
        }
        return null;
    }

    static String difference(ConsumerRecord<byte[], byte[]> record, long offset, Lines wanted) throws IOException {
        String where = " at partition " + record.partition() + " offset " + offset;
        if (record.offset() != offset) {
            return "offset " + record.offset() + where;
        }
        byte[] line = wanted.next();
        wanted.skip(PARTITIONS - 1);
        if (!Arrays.equals(line, record.value())) {
            return "other bytes" + where;
        }
        long timestamp = FIRST_TIMESTAMP + offset * PARTITIONS + record.partition();
        return record.timestamp() == timestamp ? null : "timestamp " + record.timestamp() + where;
    }

    /** The lines of a file as bytes. */
    static final class Lines implements AutoCloseable {
        private final InputStream input;

        Lines(Path file) throws IOException {
            input = new BufferedInputStream(Files.newInputStream(file), 1 << 20);
        }

        byte[] next() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream(128);
            int read = input.read();
            if (read < 0) {
                return null;
            }
            while (read >= 0 && read != '\n') {
                line.write(read);
                read = input.read();
            }
            return line.toByteArray();
        }

        void skip(int lines) throws IOException {
            for (int index = 0; index < lines; index++) {
                next();
            }
        }

        @Override
        public void close() throws IOException {
            input.close();
        }
    }
}
