import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** kafka-clients against a broker: {@code java -cp LIBS KlammCheck.java BOOTSTRAP}. */
public final class KlammCheck {
    static final int PARTITIONS = 3;
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final boolean SHORT = !List.of("", "0").contains(System.getenv().getOrDefault("KLAMM_SHORT", ""));

    final String bootstrap;
    final Random random;
    final String topic;
    final List<List<ProducerRecord<byte[], byte[]>>> sent = new ArrayList<>();
    long clock = System.currentTimeMillis() - 3_600_000;
    int passed;
    int failed;

    KlammCheck(String bootstrap) {
        this.bootstrap = bootstrap;
        String given = System.getenv("KLAMM_SEED");
        long seed = given == null ? System.nanoTime() & 0xffffffffL : Long.parseLong(given);
        System.out.println("kafka-clients: seed " + seed);
        random = new Random(seed);
        topic = "check-java-%08x-%d".formatted(seed, System.currentTimeMillis() / 1000 % 100000);
        for (int partition = 0; partition < PARTITIONS; partition++) {
            sent.add(new ArrayList<>());
        }
    }

    public static void main(String[] arguments) {
        KlammCheck check = new KlammCheck(arguments[0]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", check.bootstrap, "default.api.timeout.ms", 30_000))) {
            check.run(admin);
        } catch (Exception error) {
            check.check("run to the end", false, error);
            error.printStackTrace(System.out);
        }
        System.out.printf("kafka-clients: %d passed, %d failed%n", check.passed, check.failed);
        System.exit(check.failed > 0 || check.passed == 0 ? 1 : 0);
    }

    void run(Admin admin) throws Exception {
        cluster(admin);
        create(admin);
        for (String codec : CODECS) {
            // "all" first: a fresh topic may refuse its first record, which only acks other than 0 tell.
            for (String acks : List.of("all", "1", "0")) {
                produce(admin, codec, acks, false);
            }
            produce(admin, codec, "all", true);
        }
        oversized();
        consume();
        seek();
        fetchLimits();
        offsetSpecs(admin);
        configs(admin);
        logDirectories(admin);
        deleteRecords(admin);
        logAppendTime(admin);
        grow(admin);
        delete(admin);
    }

    // ---- cluster and topics

    void cluster(Admin admin) throws Exception {
        DescribeClusterResult cluster = admin.describeCluster();
        int nodes = cluster.nodes().get().size();
        equal("describe cluster: nodes", nodes, 1);
        check("describe cluster: id", cluster.clusterId().get() != null, "null");
        check("describe cluster: controller", cluster.controller().get() != null, "null");
        check("describe features", !admin.describeFeatures().featureMetadata().get().supportedFeatures().isEmpty(), "none");
    }

    void create(Admin admin) throws Exception {
        NewTopic wanted = new NewTopic(topic, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1"));
        var created = admin.createTopics(List.of(wanted));
        created.all().get();
        equal("create: partitions answered", created.numPartitions(topic).get(), PARTITIONS);
        equal("create: replication answered", created.replicationFactor(topic).get(), 1);
        equal("create: setting answered", created.config(topic).get().get("retention.ms").value(), "-1");
        TopicDescription described = describe(admin);
        equal("describe: partitions", described.partitions().size(), PARTITIONS);
        equal("describe: topic id", described.topicId(), created.topicId(topic).get());
        check("describe: leaders", described.partitions().stream().allMatch(p -> p.leader() != null), described);
        check("listed", admin.listTopics().names().get().contains(topic), "not listed");
        refused("creating it again", TopicExistsException.class, admin.createTopics(List.of(wanted)).all());
        refusedCreation(admin, "a bad name", InvalidTopicException.class, new NewTopic("no/slash", 1, (short) 1));
        refusedCreation(admin, "zero partitions", InvalidPartitionsException.class, new NewTopic(topic + "-z", 0, (short) 1));
        refusedCreation(admin, "replication 3 on one node", InvalidReplicationFactorException.class,
            new NewTopic(topic + "-r", 1, (short) 3));
        refusedCreation(admin, "an unknown setting", InvalidConfigurationException.class,
            new NewTopic(topic + "-c", 1, (short) 1).configs(Map.of("no.such.setting", "1")));
        dryRun(admin);
    }

    void refusedCreation(Admin admin, String what, Class<? extends Exception> wanted, NewTopic asked) {
        refused("creation with " + what, wanted, admin.createTopics(List.of(asked)).all());
    }

    void dryRun(Admin admin) throws Exception {
        NewTopic asked = new NewTopic(topic + "-dry", 1, (short) 1);
        admin.createTopics(List.of(asked), new org.apache.kafka.clients.admin.CreateTopicsOptions().validateOnly(true)).all().get();
        check("a dry run creates nothing", !admin.listTopics().names().get().contains(topic + "-dry"), "it did");
    }

    TopicDescription describe(Admin admin) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    void grow(Admin admin) throws Exception {
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        equal("partitions after growing", describe(admin).partitions().size(), 5);
        refused("shrinking", InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all());
    }

    void delete(Admin admin) throws Exception {
        admin.deleteTopics(List.of(topic)).all().get();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
        while (admin.listTopics().names().get().contains(topic) && System.nanoTime() < deadline) {
            Thread.sleep(100);
        }
        check("deleted", !admin.listTopics().names().get().contains(topic), "still listed");
        refused("deleting it again", UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
        refused("describing it", UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic)).allTopicNames());
    }

    // ---- produce

    void produce(Admin admin, String codec, String acks, boolean idempotent) throws Exception {
        String name = "%s acks=%s idempotent=%s".formatted(codec, acks, idempotent);
        long[] ends = ends();
        List<ProducerRecord<byte[], byte[]>> records = records(acks.equals("all"));
        try (KafkaProducer<byte[], byte[]> producer = producer(codec, acks, idempotent)) {
            List<Future<RecordMetadata>> pending = new ArrayList<>();
            for (ProducerRecord<byte[], byte[]> record : records) {
                pending.add(producer.send(record));
            }
            producer.flush();
            String wrong = null;
            for (int index = 0; index < records.size(); index++) {
                wrong = wrong != null ? wrong : mistake(pending.get(index), records.get(index), ends, acks);
            }
            check("produce " + name, wrong == null, wrong);
            awaitEnds(admin, name);
        }
    }

    String mistake(Future<RecordMetadata> pending, ProducerRecord<byte[], byte[]> record, long[] ends, String acks) throws Exception {
        try {
            RecordMetadata answer = pending.get(60, TimeUnit.SECONDS);
            long wanted = ends[record.partition()]++;
            if (!acks.equals("0") && answer.offset() != wanted) {
                return "offset %d answered, wanted %d".formatted(answer.offset(), wanted);
            }
            return answer.timestamp() == record.timestamp() ? null : "timestamp " + answer.timestamp();
        } catch (ExecutionException failure) {
            return failure.getCause().toString();
        }
    }

    KafkaProducer<byte[], byte[]> producer(String codec, String acks, boolean idempotent) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", codec);
        settings.put("acks", acks);
        if (!idempotent) { // it is on by default
            settings.put("enable.idempotence", false);
            settings.put("max.in.flight.requests.per.connection", 1);
        }
        settings.put("linger.ms", 10);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    void awaitEnds(Admin admin, String name) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        long[] got = logEnds(admin);
        while (!Arrays.equals(got, ends()) && System.nanoTime() < deadline) {
            Thread.sleep(20);
            got = logEnds(admin);
        }
        equal("log end after " + name, Arrays.toString(got), Arrays.toString(ends()));
    }

    void oversized() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("max.request.size", 3_000_000);
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            refused("a record over max.message.bytes", RecordTooLargeException.class,
                producer.send(new ProducerRecord<>(topic, 0, null, randomBytes(2_000_000))));
        }
    }

    // ---- the records

    List<ProducerRecord<byte[], byte[]>> records(boolean largest) {
        List<byte[]> values = new ArrayList<>();
        values.add(null);
        List<Integer> sizes = new ArrayList<>(List.of(0, 1, 100, 1_000, 16_384, 100_000));
        if (largest || !SHORT) {
            sizes.add(900_000);
        }
        for (int index = 0; index < (SHORT ? 20 : 200); index++) {
            sizes.add(random.nextInt(300));
        }
        sizes.forEach(size -> values.add(value(size)));
        return values.stream().map(this::record).toList();
    }

    ProducerRecord<byte[], byte[]> record(byte[] value) {
        clock += 1 + random.nextInt(49);
        byte[] key = switch (random.nextInt(4)) {
            case 0 -> null;
            case 1 -> new byte[0];
            case 2 -> "key".getBytes(StandardCharsets.UTF_8);
            default -> randomBytes(16);
        };
        int partition = random.nextInt(PARTITIONS);
        var record = new ProducerRecord<>(topic, partition, clock, key, value, headers());
        sent.get(partition).add(record);
        return record;
    }

    List<Header> headers() {
        List<Header> several = List.of(new RecordHeader("null", null), new RecordHeader("empty", new byte[0]),
            new RecordHeader("twice", new byte[] {1}), new RecordHeader("twice", randomBytes(9)), new RecordHeader("gr\u00fc\u00df", new byte[] {-1, 0}));
        return random.nextBoolean() ? List.of() : several.subList(0, 1 + random.nextInt(5));
    }

    byte[] value(int size) {
        if (random.nextBoolean()) {
            return randomBytes(size);
        }
        byte[] line = (random.nextInt(1000) + " the same words again and again; ").getBytes(StandardCharsets.UTF_8);
        byte[] value = new byte[size];
        for (int index = 0; index < size; index++) {
            value[index] = line[index % line.length];
        }
        return value;
    }

    byte[] randomBytes(int size) {
        byte[] drawn = new byte[size];
        random.nextBytes(drawn);
        return drawn;
    }

    long[] ends() {
        return sent.stream().mapToLong(List::size).toArray();
    }

    // ---- consume

    void consume() {
        Map<Integer, List<ConsumerRecord<byte[], byte[]>>> came = new TreeMap<>();
        int missing = sent.stream().mapToInt(List::size).sum();
        try (var consumer = consumer(Map.of())) {
            consumer.assign(partitions());
            consumer.seekToBeginning(partitions());
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (missing > 0 && System.nanoTime() < deadline) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    came.computeIfAbsent(record.partition(), any -> new ArrayList<>()).add(record);
                    missing--;
                }
            }
        }
        for (int partition = 0; partition < PARTITIONS; partition++) {
            compare(partition, came.getOrDefault(partition, List.of()));
        }
    }

    void compare(int partition, List<ConsumerRecord<byte[], byte[]>> came) {
        String name = "partition " + partition;
        equal(name + " count", came.size(), sent.get(partition).size());
        String wrong = null;
        for (int index = 0; index < Math.min(came.size(), sent.get(partition).size()) && wrong == null; index++) {
            wrong = difference(sent.get(partition).get(index), came.get(index), index);
        }
        check(name + " every byte, offset and timestamp", wrong == null, wrong);
    }

    static String difference(ProducerRecord<byte[], byte[]> sent, ConsumerRecord<byte[], byte[]> came, long offset) {
        if (came.offset() != offset) {
            return "offset %d came as %d".formatted(offset, came.offset());
        }
        String where = " of offset " + offset;
        if (!Arrays.equals(sent.key(), came.key())) {
            return "key" + where;
        }
        if (!Arrays.equals(sent.value(), came.value())) {
            return "value" + where;
        }
        if (sent.timestamp() != came.timestamp()) {
            return "timestamp " + came.timestamp() + where;
        }
        return headersOf(sent.headers()).equals(headersOf(came.headers())) ? null : "headers" + where;
    }

    static List<String> headersOf(Iterable<Header> headers) {
        List<String> texts = new ArrayList<>();
        headers.forEach(header -> texts.add(header.key() + "=" + Arrays.toString(header.value())));
        return texts;
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", false, "auto.offset.reset", "none"));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    List<TopicPartition> partitions() {
        return List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
    }

    void seek() {
        try (var consumer = consumer(Map.of())) {
            for (TopicPartition partition : partitions()) {
                var records = sent.get(partition.partition());
                for (int index : new int[] {0, records.size() / 3, records.size() / 2, records.size() - 1}) {
                    seekTo(consumer, partition, records.get(index).timestamp(), index);
                }
                seekTo(consumer, partition, records.get(5).timestamp() + 1, 6);
                var beyond = consumer.offsetsForTimes(Map.of(partition, records.get(records.size() - 1).timestamp() + 1));
                check("no offset for a time after all", beyond.get(partition) == null, beyond);
            }
            consumer.assign(List.of(partitions().get(0)));
            consumer.seek(partitions().get(0), 1_000_000);
            try {
                consumer.poll(Duration.ofSeconds(5));
                check("reading beyond the end is refused", false, "was not");
            } catch (org.apache.kafka.clients.consumer.OffsetOutOfRangeException refusal) {
                check("reading beyond the end is refused", true, null);
            }
        }
    }

    void seekTo(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, long timestamp, long wanted) {
        OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, timestamp)).get(partition);
        equal("offset for time %d of %s".formatted(timestamp, partition), found == null ? null : found.offset(), wanted);
        consumer.assign(List.of(partition));
        consumer.seek(partition, wanted);
        ConsumerRecord<byte[], byte[]> first = first(consumer);
        equal("first record read from there", first == null ? null : first.offset(), wanted);
    }

    static ConsumerRecord<byte[], byte[]> first(KafkaConsumer<byte[], byte[]> consumer) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (System.nanoTime() < deadline) {
            var came = consumer.poll(Duration.ofSeconds(1)).iterator();
            if (came.hasNext()) {
                return came.next();
            }
        }
        return null;
    }

    /** One byte allowed a partition: every batch must come all the same (KIP-74), however small the limits. */
    void fetchLimits() {
        int limit = SHORT ? 50 : 300;
        try (var consumer = consumer(Map.of("max.partition.fetch.bytes", 1, "fetch.max.bytes", 1, "max.poll.records", 1))) {
            consumer.assign(partitions());
            consumer.seekToBeginning(partitions());
            int count = 0;
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (count < limit && System.nanoTime() < deadline) {
                count += consumer.poll(Duration.ofSeconds(1)).count();
            }
            equal("records under a fetch limit of one byte", count, limit);
        }
    }

    // ---- administration

    long[] logEnds(Admin admin) throws Exception {
        return offsets(admin, OffsetSpec.latest()).stream().mapToLong(ListOffsetsResultInfo::offset).toArray();
    }

    List<ListOffsetsResultInfo> offsets(Admin admin, OffsetSpec spec) throws Exception {
        var listed = admin.listOffsets(partitions().stream().collect(Collectors.toMap(p -> p, p -> spec)));
        List<ListOffsetsResultInfo> found = new ArrayList<>();
        for (TopicPartition partition : partitions()) {
            found.add(listed.partitionResult(partition).get());
        }
        return found;
    }

    void offsetSpecs(Admin admin) throws Exception {
        equal("earliest", offsets(admin, OffsetSpec.earliest()).stream().map(ListOffsetsResultInfo::offset).toList(), List.of(0L, 0L, 0L));
        equal("earliest local", offsets(admin, OffsetSpec.earliestLocal()).stream().map(ListOffsetsResultInfo::offset).toList(), List.of(0L, 0L, 0L));
        equal("latest", Arrays.toString(logEnds(admin)), Arrays.toString(ends()));
        var largest = offsets(admin, OffsetSpec.maxTimestamp());
        for (int partition = 0; partition < PARTITIONS; partition++) {
            equal("offset of the largest timestamp", largest.get(partition).offset(), ends()[partition] - 1);
            equal("largest timestamp", largest.get(partition).timestamp(), sent.get(partition).get(sent.get(partition).size() - 1).timestamp());
        }
        equal("latest tiered, nothing tiered", offsets(admin, OffsetSpec.latestTiered()).stream().map(ListOffsetsResultInfo::offset).toList(),
            List.of(-1L, -1L, -1L));
        equal("for a timestamp", offsets(admin, OffsetSpec.forTimestamp(sent.get(0).get(7).timestamp())).get(0).offset(), 7L);
        refused("offsets of a topic that is not there", UnknownTopicOrPartitionException.class,
            admin.listOffsets(Map.of(new TopicPartition(topic + "-not", 0), OffsetSpec.latest()),
                new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(3000)).all());
    }

    void configs(Admin admin) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        equal("config retention.ms", config.get("retention.ms").value(), "-1");
        equal("config source", config.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
        equal("config default", config.get("max.message.bytes").value(), "1048588");
        alter(admin, resource, new ConfigEntry("max.message.bytes", "100000"), AlterConfigOp.OpType.SET);
        equal("config set", valueOf(admin, resource, "max.message.bytes"), "100000");
        equal("the others stay", valueOf(admin, resource, "retention.ms"), "-1");
        try (var producer = producer("none", "all", true)) {
            refused("a batch over the new limit", RecordTooLargeException.class,
                producer.send(new ProducerRecord<>(topic, 0, null, randomBytes(200_000))));
        }
        alter(admin, resource, new ConfigEntry("max.message.bytes", null), AlterConfigOp.OpType.DELETE);
        equal("config deleted", valueOf(admin, resource, "max.message.bytes"), "1048588");
        alter(admin, resource, new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND);
        equal("config appended", valueOf(admin, resource, "cleanup.policy"), "delete,compact");
        alter(admin, resource, new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SUBTRACT);
        equal("config subtracted", valueOf(admin, resource, "cleanup.policy"), "delete");
        var senseless = List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET));
        refused("a senseless value", InvalidConfigurationException.class, admin.incrementalAlterConfigs(Map.of(resource, senseless)).all());
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(admin.describeCluster().nodes().get().iterator().next().id()));
        check("broker config", !admin.describeConfigs(List.of(broker)).all().get().get(broker).entries().isEmpty(), "empty");
    }

    static void alter(Admin admin, ConfigResource resource, ConfigEntry entry, AlterConfigOp.OpType type) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(entry, type)))).all().get();
        Thread.sleep(200); // the answer comes when it is written, not when every reader has it
    }

    static String valueOf(Admin admin, ConfigResource resource, String name) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
    }

    void logDirectories(Admin admin) throws Exception {
        int node = admin.describeCluster().nodes().get().iterator().next().id();
        Collection<LogDirDescription> found = admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).values();
        var sizes = new TreeMap<Integer, Long>();
        for (LogDirDescription directory : found) {
            directory.replicaInfos().forEach((partition, info) -> {
                if (partition.topic().equals(topic)) {
                    sizes.put(partition.partition(), info.size());
                }
            });
        }
        equal("log directories name every partition", sizes.keySet(), Set.of(0, 1, 2));
        check("log directories tell sizes", sizes.values().stream().allMatch(size -> size > 100_000), sizes);
        check("log directory volume", found.iterator().next().totalBytes().orElse(0) > 0, found);
    }

    void deleteRecords(Admin admin) throws Exception {
        TopicPartition partition = partitions().get(1);
        long before = ends()[1] / 2;
        var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before)));
        equal("delete records: low watermark", deleted.lowWatermarks().get(partition).get().lowWatermark(), before);
        equal("earliest after it", offsets(admin, OffsetSpec.earliest()).get(1).offset(), before);
        try (var consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            ConsumerRecord<byte[], byte[]> first = first(consumer);
            equal("first record after it", first == null ? null : first.offset(), before);
        }
        refused("delete records beyond the end", org.apache.kafka.common.errors.OffsetOutOfRangeException.class,
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(1_000_000))).all());
        var all = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1)));
        equal("delete all records", all.lowWatermarks().get(partition).get().lowWatermark(), ends()[1]);
    }

    /** message.timestamp.type=LogAppendTime: the broker's clock in the answer and in what is read. */
    void logAppendTime(Admin admin) throws Exception {
        String stamped = topic + "-append-time";
        admin.createTopics(List.of(new NewTopic(stamped, 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")))).all().get();
        long before = System.currentTimeMillis();
        RecordMetadata answer;
        try (var producer = producer("lz4", "all", true)) {
            answer = producer.send(new ProducerRecord<>(stamped, 0, 12345L, null, new byte[10])).get(30, TimeUnit.SECONDS);
        }
        check("append time answered", answer.timestamp() >= before && answer.timestamp() <= System.currentTimeMillis(), answer.timestamp());
        try (var consumer = consumer(Map.of())) {
            TopicPartition partition = new TopicPartition(stamped, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            ConsumerRecord<byte[], byte[]> first = first(consumer);
            equal("append time read", first == null ? null : first.timestamp(), answer.timestamp());
            equal("append time type", first == null ? null : first.timestampType().toString(), "LogAppendTime");
        }
        admin.deleteTopics(List.of(stamped)).all().get();
    }

    // ---- counting

    boolean check(String name, boolean good, Object detail) {
        if (good) {
            passed++;
            System.out.println("ok   kafka-clients: " + name);
        } else {
            failed++;
            String text = String.valueOf(detail);
            System.out.println("FAIL kafka-clients: " + name + ": " + text.substring(0, Math.min(400, text.length())));
        }
        return good;
    }

    void equal(String name, Object got, Object wanted) {
        boolean same = Objects.equals(got, wanted) || got instanceof Number g && wanted instanceof Number w && g.longValue() == w.longValue();
        check(name, same, "got " + got + ", wanted " + wanted);
    }

    void refused(String name, Class<? extends Exception> wanted, Future<?> answer) {
        try {
            answer.get(60, TimeUnit.SECONDS);
            check(name + " is refused", false, "was accepted");
        } catch (ExecutionException refusal) {
            Throwable cause = refusal.getCause();
            check(name + " is refused", wanted.isInstance(cause), cause + ", wanted " + wanted.getSimpleName());
        } catch (Exception error) {
            check(name + " is refused", false, error);
        }
    }
}
