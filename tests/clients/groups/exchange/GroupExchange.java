import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Groups of every kind for exchange.sh: {@code prepare BOOTSTRAP} creates the topic and the offsets topic,
 * {@code make BOOTSTRAP ROUND} writes groups and offsets, {@code tell BOOTSTRAP} prints all that a broker knows of groups.
 */
public final class GroupExchange {
    static final String TOPIC = "exchange";
    static final int PARTITIONS = 3;

    public static void main(String[] words) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", words[1], "default.api.timeout.ms", 30_000))) {
            switch (words[0]) {
                case "prepare" -> prepare(admin);
                case "make" -> make(admin, words[1], words[2]);
                case "tell" -> tell(admin);
                default -> throw new IllegalArgumentException("there is no command " + words[0]);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    /**
     * Committing is what makes a broker create the offsets topic; klamm makes a partition's directory with its first
     * record, so each of them gets one.
     */
    static void prepare(Admin admin) throws Exception {
        admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
        Map<Integer, String> groups = new HashMap<>();
        for (int number = 0; groups.size() < 50; number++) {
            groups.putIfAbsent(Math.abs(("nothing-" + number).hashCode() % 50), "nothing-" + number);
        }
        for (String group : groups.values()) {
            admin.alterConsumerGroupOffsets(group, Map.of(partition(0), new OffsetAndMetadata(1))).all().get();
        }
        admin.deleteConsumerGroups(groups.values()).all().get();
    }

    // ---- writing

    static void make(Admin admin, String bootstrap, String round) throws Exception {
        for (int number = 0; number < 20; number++) {
            admin.alterConsumerGroupOffsets("offsets-%s-%d".formatted(round, number), Map.of(
                partition(0), new OffsetAndMetadata(number), partition(1), new OffsetAndMetadata(1_000_000_000_000L + number, "größer"),
                partition(2), new OffsetAndMetadata(3, Optional.of(0), ""))).all().get();
        }
        admin.deleteConsumerGroups(List.of("offsets-%s-1".formatted(round))).all().get();
        admin.deleteConsumerGroupOffsets("offsets-%s-2".formatted(round), Set.of(partition(1))).all().get();
        for (String protocol : List.of("classic", "consumer")) {
            member(bootstrap, protocol + "-left-" + round, protocol, null);
            member(bootstrap, protocol + "-static-" + round, protocol, "instance-" + round);
        }
    }

    /** Joins, commits twice and closes; with an instance id the group keeps it as a member. */
    static void member(String bootstrap, String group, String protocol, String instance) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol,
            "client.id", "client-of-" + group, "enable.auto.commit", false, "auto.offset.reset", "earliest"));
        if (protocol.equals("classic")) {
            settings.put("session.timeout.ms", 600_000);
        }
        if (instance != null) {
            settings.put("group.instance.id", instance);
        }
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (consumer.assignment().size() < PARTITIONS) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException(group + ": no assignment within 30 s");
                }
                consumer.poll(Duration.ofMillis(100));
            }
            for (long offset = 6; offset < 8; offset++) {
                OffsetAndMetadata position = new OffsetAndMetadata(offset, "by " + group);
                consumer.commitSync(consumer.assignment().stream().collect(Collectors.toMap(one -> one, one -> position)));
            }
        }
    }

    // ---- telling

    static void tell(Admin admin) throws Exception {
        Set<String> lines = new TreeSet<>();
        for (GroupListing group : admin.listGroups(new ListGroupsOptions()).all().get()) {
            String name = group.groupId();
            lines.add("%s: type %s, protocol type '%s', state %s".formatted(name, group.type().orElse(null), group.protocol(),
                group.groupState().orElse(null)));
            ConsumerGroupDescription told = admin.describeConsumerGroups(List.of(name)).all().get().get(name);
            lines.add("%s: assignor '%s', simple %s, epoch %s, assignment epoch %s".formatted(name, told.partitionAssignor(),
                told.isSimpleConsumerGroup(), told.groupEpoch().orElse(null), told.targetAssignmentEpoch().orElse(null)));
            told.members().forEach(member -> lines.add(name + ": " + member(member, told.type() == GroupType.CLASSIC)));
            admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata().get().forEach((partition, offset) ->
                lines.add("%s: %s at %d, epoch %s, metadata '%s'".formatted(name, partition, offset.offset(),
                    offset.leaderEpoch().orElse(null), offset.metadata())));
        }
        lines.forEach(System.out::println);
    }

    /** The consumer protocol assigns by topic id, and the same topic has another id at another broker. */
    static String member(MemberDescription member, boolean assignedByName) {
        return "member %s, instance %s, client %s, host %s, epoch %s, assigned %s".formatted(member.consumerId(),
            member.groupInstanceId().orElse(null), member.clientId(), member.host(), member.memberEpoch().orElse(null),
            assignedByName ? member.assignment().topicPartitions().stream().map(TopicPartition::toString).sorted().toList()
                : "by topic id");
    }

    static TopicPartition partition(int number) {
        return new TopicPartition(TOPIC, number);
    }
}
