import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.ZipFile;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.NullableSchema;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Prints "name version hex" for random messages of every generated class on the class path. */
public class Golden {
    static final int ROUNDS = 4;
    static Random random;

    public static void main(String[] args) throws Exception {
        TreeSet<String> classes = new TreeSet<>();
        for (String jar : System.getProperty("java.class.path").split(":")) {
            if (!Path.of(jar).getFileName().toString().startsWith("kafka")) continue;
            try (ZipFile zip = new ZipFile(jar)) {
                zip.stream().map(e -> e.getName())
                    .filter(n -> n.matches(".*(/generated|common/message|common/metadata)/[A-Za-z]+\\.class"))
                    .forEach(n -> classes.add(n.replace(".class", "").replace('/', '.')));
            }
        }
        for (String name : classes) {
            Class<?> type = Class.forName(name);
            if (!type.isInterface() && Message.class.isAssignableFrom(type)) print(type);
        }
    }

    static void print(Class<?> type) throws Exception {
        String name = type.getSimpleName().replaceAll("(Request|Response|Header)Data$", "$1");
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = 0; version < schemas.length; version++) {
            if (schemas[version] == null) continue;
            random = new Random(name.hashCode() * 31L + version);
            for (int round = 0; round < ROUNDS; round++) {
                Struct struct = (Struct) value(schemas[version], false);
                ByteBuffer bytes = ByteBuffer.allocate(schemas[version].sizeOf(struct));
                schemas[version].write(bytes, struct);
                bytes.flip();
                Message message = (Message) type.getConstructor().newInstance();
                message.read(new ByteBufferAccessor(bytes), version);
                ByteBuffer written = MessageUtil.toByteBufferAccessor(message, version).buffer();
                byte[] out = new byte[written.remaining()];
                written.get(out);
                System.out.println(name + " " + version + " " + HexFormat.of().formatHex(out));
            }
        }
    }

    static Object value(Type type, boolean tagged) {
        // A tagged struct says null in another way than this schema would write it.
        if (type.isNullable() && !(tagged && type instanceof NullableSchema) && random.nextInt(4) == 0) return null;
        if (type instanceof Schema schema) {
            Struct struct = new Struct(schema);
            for (var field : schema.fields()) struct.set(field, value(field.def.type, false));
            return struct;
        }
        if (type instanceof TaggedFields fields) {
            Map<Integer, Object> values = new TreeMap<>();
            for (Map.Entry<Integer, Field> field : fields.fields().entrySet()) {
                if (random.nextBoolean()) values.put(field.getKey(), value(field.getValue().type, true));
            }
            return values;
        }
        if (type.arrayElementType().isPresent()) {
            List<Object> items = new ArrayList<>();
            for (int n = random.nextInt(3); n > 0; n--) items.add(value(type.arrayElementType().get(), false));
            return items.toArray();
        }
        String name = ((Type.DocumentedType) type).typeName();
        return switch (name) {
            case "BOOLEAN" -> random.nextBoolean();
            case "INT8" -> (byte) random.nextInt();
            case "INT16" -> (short) random.nextInt();
            case "UINT16" -> random.nextInt(1 << 16);
            case "INT32" -> random.nextInt();
            case "UINT32" -> random.nextLong(1L << 32);
            case "INT64" -> random.nextLong();
            case "FLOAT64" -> random.nextDouble();
            case "UUID" -> new Uuid(random.nextLong(), random.nextLong());
            case "STRING", "COMPACT_STRING", "NULLABLE_STRING", "COMPACT_NULLABLE_STRING" -> text();
            case "BYTES", "COMPACT_BYTES", "NULLABLE_BYTES", "COMPACT_NULLABLE_BYTES" ->
                ByteBuffer.wrap(text().getBytes(StandardCharsets.UTF_8));
            case "RECORDS", "COMPACT_RECORDS", "NULLABLE_RECORDS", "COMPACT_NULLABLE_RECORDS" ->
                MemoryRecords.readableRecords(ByteBuffer.wrap(text().getBytes(StandardCharsets.UTF_8)));
            default -> throw new IllegalArgumentException(name);
        };
    }

    static String text() {
        return "topic-\u00e9\u4e2d".substring(random.nextInt(8)).repeat(random.nextInt(2));
    }
}
