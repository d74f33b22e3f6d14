import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What tools such as AKHQ and kafka-ui ask about groups: {@code java -cp LIBS:CLASSES GroupAdminCheck BOOTSTRAP}. */
public final class GroupAdminCheck {
    static final int PARTITIONS = 3;
    static final int RECORDS = 10;
    static final Duration PATIENCE = Duration.ofSeconds(30);

    final String bootstrap;
    final String token = Long.toHexString(System.nanoTime() & 0xffffffffL);
    final String topic = "groups-admin-" + token;
    final String classic = "classic-" + token;
    final String modern = "modern-" + token;
    final String simple = "simple-" + token;
    final String missing = "missing-" + token;
    int passed;
    int failed;

    GroupAdminCheck(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) {
        GroupAdminCheck check = new GroupAdminCheck(arguments[0]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", check.bootstrap, "default.api.timeout.ms", 30_000))) {
            check.run(admin);
        } catch (Exception error) {
            check.check("run to the end", false, error);
            error.printStackTrace(System.out);
        }
        System.out.printf("groups-admin: %d passed, %d failed%n", check.passed, check.failed);
        Runtime.getRuntime().halt(check.failed > 0 || check.passed == 0 ? 1 : 0);
    }

    void run(Admin admin) throws Exception {
        createTopic(admin);
        simpleGroup(admin);
        try (Member first = new Member(classic, "classic", "instance-1"); Member second = new Member(modern, "consumer", null)) {
            await("both groups are stable", () -> first.assigned() == PARTITIONS && second.assigned() == PARTITIONS);
            first.commit();
            second.commit();
            list(admin);
            describeClassic(admin);
            describeModern(admin);
            describeMissing(admin);
            offsetsInBatch(admin);
            refusedWhileActive(admin);
            groupConfigs(admin);
            removeMembers(admin, first);
        }
        emptied(admin);
        deleteOffsets(admin);
        deleteGroups(admin);
        security(admin);
        admin.deleteTopics(List.of(topic)).all().get();
    }

    // ---- what the checks look at

    void createTopic(Admin admin) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
        try (var producer = new KafkaProducer<byte[], byte[]>(Map.of("bootstrap.servers", bootstrap),
                new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int number = 0; number < PARTITIONS * RECORDS; number++) {
                producer.send(new ProducerRecord<>(topic, number % PARTITIONS, null, new byte[] {(byte) number}));
            }
        }
    }

    /** A group that is nothing but offsets. */
    void simpleGroup(Admin admin) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(
            partition(0), new OffsetAndMetadata(3, "of partition zero"), partition(1), new OffsetAndMetadata(5));
        holds("alter offsets of a group that is not there yet", admin.alterConsumerGroupOffsets(simple, offsets).all());
        equal("the offsets altered", committed(admin, simple), Map.of(0, 3L, 1, 5L));
        equal("metadata of an offset", admin.listConsumerGroupOffsets(simple).partitionsToOffsetAndMetadata().get()
            .get(partition(0)).metadata(), "of partition zero");
        refused("alter offsets of a partition that is not there", UnknownTopicOrPartitionException.class,
            admin.alterConsumerGroupOffsets(simple, Map.of(partition(99), new OffsetAndMetadata(1))).all());
    }

    // ---- listing and describing

    void list(Admin admin) throws Exception {
        Map<String, GroupListing> all = listed(admin, new ListGroupsOptions());
        equal("list groups: type of a classic group", type(all, classic), GroupType.CLASSIC);
        equal("list groups: type of a consumer group", type(all, modern), GroupType.CONSUMER);
        equal("list groups: protocol type", all.get(classic).protocol(), "consumer");
        equal("list groups: protocol type of mere offsets", all.get(simple).protocol(), "");
        equal("list groups: simple consumer group", all.get(simple).isSimpleConsumerGroup(), true);
        equal("list groups: state", all.get(classic).groupState().orElse(null), GroupState.STABLE);
        equal("list groups: state of mere offsets", all.get(simple).groupState().orElse(null), GroupState.EMPTY);
        equal("list groups by state stable", ours(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))),
            Set.of(classic, modern));
        equal("list groups by state empty", ours(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))),
            Set.of(simple));
        equal("list groups by type classic", ours(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC))),
            Set.of(classic, simple));
        equal("list groups by type consumer", ours(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))),
            Set.of(modern));
        equal("list groups by type share", ours(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))), Set.of());
        equal("list groups by protocol type", ours(admin, new ListGroupsOptions().withProtocolTypes(Set.of("consumer"))),
            Set.of(classic, modern));
        equal("list groups for consumers", ours(admin, ListGroupsOptions.forConsumerGroups()), Set.of(classic, modern, simple));
        oldList(admin);
    }

    @SuppressWarnings("deprecation")
    void oldList(Admin admin) throws Exception {
        Set<String> names = admin.listConsumerGroups().all().get().stream().map(group -> group.groupId())
            .filter(name -> name.endsWith(token)).collect(Collectors.toSet());
        equal("list consumer groups, as older tools do", names, Set.of(classic, modern, simple));
    }

    void describeClassic(Admin admin) throws Exception {
        var options = new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true);
        ConsumerGroupDescription told = admin.describeConsumerGroups(List.of(classic), options).all().get().get(classic);
        equal("describe a classic group: state", told.groupState(), GroupState.STABLE);
        equal("describe a classic group: type", told.type(), GroupType.CLASSIC);
        equal("describe a classic group: assignor", told.partitionAssignor(), "range");
        check("describe a classic group: coordinator", told.coordinator() != null && told.coordinator().port() > 0, told);
        check("describe a classic group: what is allowed", told.authorizedOperations() != null
            && told.authorizedOperations().contains(AclOperation.READ), told.authorizedOperations());
        member("describe a classic group", told, "instance-1");
        ClassicGroupDescription plain = admin.describeClassicGroups(List.of(classic)).all().get().get(classic);
        equal("describe as classic: protocol", plain.protocol(), "consumer");
        equal("describe as classic: protocol data", plain.protocolData(), "range");
        equal("describe as classic: members", plain.members().size(), 1);
        ConsumerGroupDescription offsets = admin.describeConsumerGroups(List.of(simple)).all().get().get(simple);
        equal("describe mere offsets: state", offsets.groupState(), GroupState.EMPTY);
        check("describe mere offsets: simple", offsets.isSimpleConsumerGroup(), offsets);
    }

    void describeModern(Admin admin) throws Exception {
        ConsumerGroupDescription told = admin.describeConsumerGroups(List.of(modern)).all().get().get(modern);
        equal("describe a consumer group: state", told.groupState(), GroupState.STABLE);
        equal("describe a consumer group: type", told.type(), GroupType.CONSUMER);
        equal("describe a consumer group: assignor", told.partitionAssignor(), "uniform");
        check("describe a consumer group: epoch", told.groupEpoch().orElse(0) > 0, told);
        equal("describe a consumer group: assignment epoch", told.targetAssignmentEpoch(), told.groupEpoch());
        member("describe a consumer group", told, null);
        MemberDescription member = told.members().iterator().next();
        equal("describe a consumer group: target assignment",
            member.targetAssignment().map(target -> target.topicPartitions()).orElse(null), everyPartition());
        equal("describe a consumer group: member epoch", member.memberEpoch(), told.groupEpoch());
        Map<String, ConsumerGroupDescription> both = admin.describeConsumerGroups(List.of(classic, modern)).all().get();
        equal("describe groups of both kinds at once", both.keySet(), Set.of(classic, modern));
    }

    void member(String what, ConsumerGroupDescription told, String instance) {
        equal(what + ": members", told.members().size(), 1);
        MemberDescription member = told.members().iterator().next();
        equal(what + ": instance id", member.groupInstanceId().orElse(null), instance);
        equal(what + ": client id", member.clientId(), "member-" + token);
        check(what + ": host", member.host().startsWith("/"), member.host());
        equal(what + ": assignment", member.assignment().topicPartitions(), everyPartition());
    }

    void describeMissing(Admin admin) {
        refused("describe a group that is not there", GroupIdNotFoundException.class,
            admin.describeConsumerGroups(List.of(missing)).all());
        refused("describe as classic what is a consumer group", GroupIdNotFoundException.class,
            admin.describeClassicGroups(List.of(modern)).all());
    }

    // ---- offsets

    void offsetsInBatch(Admin admin) throws Exception {
        Map<String, ListConsumerGroupOffsetsSpec> asked = new HashMap<>();
        for (String group : List.of(classic, modern, simple, missing)) {
            asked.put(group, new ListConsumerGroupOffsetsSpec());
        }
        var told = admin.listConsumerGroupOffsets(asked, new ListConsumerGroupOffsetsOptions().requireStable(true)).all().get();
        equal("offsets of several groups: classic", byNumber(told.get(classic)), Map.of(0, 10L, 1, 10L, 2, 10L));
        equal("offsets of several groups: consumer", byNumber(told.get(modern)), Map.of(0, 10L, 1, 10L, 2, 10L));
        equal("offsets of several groups: simple", byNumber(told.get(simple)), Map.of(0, 3L, 1, 5L));
        equal("offsets of several groups: not there", byNumber(told.get(missing)), Map.of());
        var one = new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(partition(1), partition(2)));
        var some = admin.listConsumerGroupOffsets(Map.of(simple, one)).partitionsToOffsetAndMetadata(simple).get();
        equal("offset of a partition asked for", some.get(partition(1)).offset(), 5L);
        check("a partition without an offset is null", some.containsKey(partition(2)) && some.get(partition(2)) == null, some);
    }

    void refusedWhileActive(Admin admin) throws Exception {
        var offset = Map.of(partition(0), new OffsetAndMetadata(1));
        refused("alter offsets of an active classic group", UnknownMemberIdException.class,
            admin.alterConsumerGroupOffsets(classic, offset).all());
        refused("alter offsets of an active consumer group", UnknownMemberIdException.class,
            admin.alterConsumerGroupOffsets(modern, offset).all());
        for (String group : List.of(classic, modern)) {
            refused("delete an offset that " + kind(group) + " reads", GroupSubscribedToTopicException.class,
                admin.deleteConsumerGroupOffsets(group, Set.of(partition(0))).all());
            refused("delete " + kind(group) + " with members", GroupNotEmptyException.class,
                admin.deleteConsumerGroups(List.of(group)).all());
        }
        equal("offsets are as before", committed(admin, classic), Map.of(0, 10L, 1, 10L, 2, 10L));
    }

    // ---- settings of groups

    void groupConfigs(Admin admin) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, modern);
        Config before = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        equal("describe a group's settings: session timeout", value(before, "consumer.session.timeout.ms"), "45000");
        equal("describe a group's settings: heartbeat interval", value(before, "consumer.heartbeat.interval.ms"), "5000");
        holds("set a group's session timeout", alter(admin, resource, "consumer.session.timeout.ms", "50000"));
        await("the group's setting is told", () -> "50000".equals(value(
            admin.describeConfigs(List.of(resource)).all().get().get(resource), "consumer.session.timeout.ms")));
        ConfigEntry changed = admin.describeConfigs(List.of(resource)).all().get().get(resource).get("consumer.session.timeout.ms");
        equal("the setting's source", changed.source(), ConfigEntry.ConfigSource.DYNAMIC_GROUP_CONFIG);
        await("list config resources: the group", () -> listedResources(admin).contains(modern));
        refused("a session timeout over the broker's greatest", InvalidConfigurationException.class,
            alter(admin, resource, "consumer.session.timeout.ms", "100000000"));
        refused("a setting that no group has", InvalidConfigurationException.class, alter(admin, resource, "no.such.setting", "1"));
        holds("take the setting away", admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(
            new ConfigEntry("consumer.session.timeout.ms", null), AlterConfigOp.OpType.DELETE)))).all());
        await("the default is told again", () -> "45000".equals(value(
            admin.describeConfigs(List.of(resource)).all().get().get(resource), "consumer.session.timeout.ms")));
    }

    Future<Void> alter(Admin admin, ConfigResource resource, String name, String value) {
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value),
            AlterConfigOp.OpType.SET)))).all();
    }

    Set<String> listedResources(Admin admin) throws Exception {
        return admin.listConfigResources(Set.of(ConfigResource.Type.GROUP), new ListConfigResourcesOptions()).all().get()
            .stream().map(ConfigResource::name).collect(Collectors.toSet());
    }

    static String value(Config config, String name) {
        ConfigEntry entry = config.get(name);
        return entry == null ? null : entry.value();
    }

    // ---- members and groups go

    void removeMembers(Admin admin, Member member) throws Exception {
        refused("remove a member that is not there", UnknownMemberIdException.class, admin.removeMembersFromConsumerGroup(classic,
            new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("instance-9")))).all());
        member.stopPolling();
        holds("remove a member by its instance id", admin.removeMembersFromConsumerGroup(classic,
            new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("instance-1")))).all());
        await("the group has no members then",
            () -> admin.describeConsumerGroups(List.of(classic)).all().get().get(classic).members().isEmpty());
    }

    void emptied(Admin admin) throws Exception {
        await("both groups are empty", () -> {
            var told = admin.describeConsumerGroups(List.of(classic, modern)).all().get();
            return told.values().stream().allMatch(group -> group.groupState() == GroupState.EMPTY);
        });
        for (String group : List.of(classic, modern)) {
            holds("alter offsets of " + kind(group) + " that is empty",
                admin.alterConsumerGroupOffsets(group, Map.of(partition(0), new OffsetAndMetadata(2))).all());
            equal("offsets of " + kind(group) + " as altered", committed(admin, group), Map.of(0, 2L, 1, 10L, 2, 10L));
        }
        try (Member again = new Member(modern, "consumer", null)) {
            await("a member comes back", () -> again.assigned() == PARTITIONS);
            holds("remove all members of a consumer group",
                admin.removeMembersFromConsumerGroup(modern, new RemoveMembersFromConsumerGroupOptions()).all());
        }
    }

    void deleteOffsets(Admin admin) throws Exception {
        await("the consumer group is empty again", () -> admin.describeConsumerGroups(List.of(modern)).all().get().get(modern)
            .members().isEmpty());
        for (String group : List.of(classic, modern)) {
            holds("delete an offset of " + kind(group),
                admin.deleteConsumerGroupOffsets(group, Set.of(partition(0))).all());
            equal("offsets of " + kind(group) + " but the one deleted", committed(admin, group).keySet(), Set.of(1, 2));
        }
        refused("delete offsets of a group that is not there", GroupIdNotFoundException.class,
            admin.deleteConsumerGroupOffsets(missing, Set.of(partition(0))).all());
    }

    void deleteGroups(Admin admin) throws Exception {
        refused("delete a group that is not there", GroupIdNotFoundException.class,
            admin.deleteConsumerGroups(List.of(missing)).all());
        holds("delete three groups at once", admin.deleteConsumerGroups(List.of(classic, modern, simple)).all());
        equal("nothing of them is listed", ours(admin, new ListGroupsOptions()), Set.of());
        equal("nor are their offsets", committed(admin, classic), Map.of());
    }

    void security(Admin admin) {
        refused("describe ACLs", SecurityDisabledException.class, admin.describeAcls(AclBindingFilter.ANY).values());
        AclBinding binding = new AclBinding(new ResourcePattern(ResourceType.GROUP, classic, PatternType.LITERAL),
            new AccessControlEntry("User:nobody", "*", AclOperation.READ, AclPermissionType.ALLOW));
        refused("create ACLs", SecurityDisabledException.class, admin.createAcls(List.of(binding)).all());
    }

    // ---- a member in the background

    /** Joins, reads and stays until it is closed; committing is asked of it. */
    final class Member implements AutoCloseable {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Thread thread = new Thread(this::run);
        volatile int assigned;
        volatile boolean commit;
        volatile boolean polling = true;

        Member(String group, String protocol, String instance) {
            Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group,
                "group.protocol", protocol, "client.id", "member-" + token, "enable.auto.commit", false,
                "auto.offset.reset", "earliest", "fetch.max.wait.ms", 100));
            if (instance != null) {
                settings.put("group.instance.id", instance);
            }
            consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            thread.start();
        }

        void run() {
            consumer.subscribe(List.of(topic));
            try (consumer) {
                while (polling) {
                    consumer.poll(Duration.ofMillis(100));
                    assigned = consumer.assignment().size();
                    if (commit) {
                        consumer.commitSync(consumer.assignment().stream().collect(Collectors.toMap(
                            partition -> partition, partition -> new OffsetAndMetadata(RECORDS))));
                        commit = false;
                    }
                }
            } catch (Exception removed) {
                System.out.println("note: the member ended with " + removed);
            }
        }

        int assigned() {
            return assigned;
        }

        void commit() throws Exception {
            commit = true;
            await("a member commits", () -> !commit);
        }

        void stopPolling() throws InterruptedException {
            polling = false;
            thread.join(PATIENCE.toMillis());
        }

        @Override
        public void close() throws InterruptedException {
            stopPolling();
        }
    }

    // ---- asking and counting

    TopicPartition partition(int number) {
        return new TopicPartition(topic, number);
    }

    Set<TopicPartition> everyPartition() {
        return Set.of(partition(0), partition(1), partition(2));
    }

    String kind(String group) {
        return group.equals(modern) ? "a consumer group" : "a classic group";
    }

    Map<String, GroupListing> listed(Admin admin, ListGroupsOptions options) throws Exception {
        return admin.listGroups(options).all().get().stream().collect(Collectors.toMap(GroupListing::groupId, group -> group));
    }

    Set<String> ours(Admin admin, ListGroupsOptions options) throws Exception {
        return listed(admin, options).keySet().stream().filter(name -> name.endsWith(token)).collect(Collectors.toSet());
    }

    static GroupType type(Map<String, GroupListing> groups, String name) {
        return groups.containsKey(name) ? groups.get(name).type().orElse(null) : null;
    }

    Map<Integer, Long> committed(Admin admin, String group) throws Exception {
        return byNumber(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get());
    }

    static Map<Integer, Long> byNumber(Map<TopicPartition, OffsetAndMetadata> offsets) {
        Map<Integer, Long> found = new TreeMap<>();
        offsets.forEach((partition, offset) -> found.put(partition.partition(), offset == null ? null : offset.offset()));
        return found;
    }

    void await(String what, Callable<Boolean> holds) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!holds.call()) {
            if (System.nanoTime() > deadline) {
                check(what, false, "not within " + PATIENCE.toSeconds() + " s");
                return;
            }
            Thread.sleep(50);
        }
        check(what, true, "");
    }

    void holds(String what, Future<?> answer) {
        try {
            answer.get();
            check(what, true, "");
        } catch (ExecutionException | InterruptedException refusal) {
            check(what, false, refusal.getCause());
        }
    }

    void refused(String what, Class<? extends Exception> wanted, Future<?> answer) {
        try {
            answer.get();
            check(what + " is refused", false, "was accepted");
        } catch (ExecutionException | InterruptedException refusal) {
            Throwable cause = refusal.getCause();
            boolean right = wanted.isInstance(cause) || cause != null && wanted.isInstance(cause.getCause());
            check(what + " is refused", right, cause);
        }
    }

    void equal(String what, Object got, Object wanted) {
        check(what, Objects.equals(got, wanted), "got " + got + ", wanted " + wanted);
    }

    void check(String what, boolean good, Object detail) {
        if (good) {
            passed++;
            System.out.println("PASS groups-admin: " + what);
        } else {
            failed++;
            String text = String.valueOf(detail).replaceAll("\\s+", " ");
            System.out.println("FAIL groups-admin: " + what + ": " + text.substring(0, Math.min(text.length(), 500)));
        }
    }
}
