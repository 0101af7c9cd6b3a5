// kafkajs: admin, produce in each compression that it knows, and read in a group.
// Arguments: the broker's address and a topic prefix.
const assert = require('node:assert')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, Partitioners, logLevel } = require('kafkajs')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const LZ4 = require('kafkajs-lz4')
CompressionCodecs[CompressionTypes.LZ4] = new (LZ4.default || LZ4)().codec

const RECORDS = 300
const [bootstrap, prefix] = process.argv.slice(2)
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4 }
const kafka = new Kafka({ clientId: 'compat', brokers: [bootstrap], logLevel: logLevel.ERROR })
const admin = kafka.admin()

async function produce(codec) {
  const topic = `${prefix}-${codec}`
  assert.ok(await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }], waitForLeaders: true }))
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const message = (i) => ({ partition: i % 2, key: i % 7 ? `key-${i}` : null, value: i % 11 ? `value-${i}` : null, headers: { n: [`${i}`, 'twice'] } })
  for (let i = 0; i < RECORDS; i += 50) {
    const messages = [...Array(50).keys()].map((j) => message(i + j))
    const replies = await producer.send({ topic, acks: -1, compression: codecs[codec], messages })
    for (const { errorCode, baseOffset } of replies) {
      assert.equal(errorCode, 0)
      assert.equal(Number(baseOffset), i / 2)
    }
  }
  await producer.disconnect()
  const offsets = await admin.fetchTopicOffsets(topic)
  for (const { high, low } of offsets) assert.deepEqual([Number(high), Number(low)], [RECORDS / 2, 0])
  const reader = await member(topic)
  for (const { partition, message: got } of await taken([reader], RECORDS)) {
    const sent = message(Number(got.offset) * 2 + partition)
    assert.deepEqual([got.key && got.key.toString(), got.value && got.value.toString()], [sent.key, sent.value])
    assert.deepEqual(got.headers.n.map(String), sent.headers.n)
  }
  await reader.consumer.disconnect()
}

/** A consumer in the topic's own group, with what came to it; it commits every record. */
async function member(topic) {
  const consumer = kafka.consumer({ groupId: topic, heartbeatInterval: 300, rebalanceTimeout: 10000 })
  const joined = { consumer, got: [], partitions: [] }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { joined.partitions = payload.memberAssignment[topic] || [] })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 1, eachMessage: async (message) => { joined.got.push(message) } })
  return joined
}

async function until(what, condition) {
  const end = Date.now() + 20000
  while (!condition()) {
    assert.ok(Date.now() < end, `waiting for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Waits for `count` records at the members: no more, and none twice. */
async function taken(members, count) {
  const all = () => members.flatMap(({ got }) => got)
  await until(`${count} records`, () => all().length >= count)
  const records = all()
  assert.equal(new Set(records.map(({ partition, message }) => `${partition} ${message.offset}`)).size, records.length)
  assert.equal(records.length, count)
  for (const each of members) each.got = []
  return records
}

/** A group reads all and leaves; who comes back gets what is new; a second member takes its share. */
async function group() {
  const topic = `${prefix}-group`
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }], waitForLeaders: true })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const send = (count) => producer.send({ topic, messages: [...Array(2 * count).keys()].map((i) => ({ partition: i % 2, value: `${i}` })) })
  const lowest = (records) => Math.min(...records.map(({ message }) => Number(message.offset)))
  await send(10)
  const first = await member(topic)
  await taken([first], 20)
  await first.consumer.disconnect()
  await send(3)
  const second = await member(topic)
  assert.equal(lowest(await taken([second], 6)), 10)
  const both = [second, await member(topic)]
  await until('shares', () => both.every(({ partitions }) => partitions.length === 1))
  await send(2)
  assert.equal(lowest(await taken(both, 4)), 13)
  for (const { consumer } of both) await consumer.disconnect()
  const [{ partitions }] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
  assert.deepEqual(partitions.map(({ offset }) => Number(offset)), [15, 15])
  assert.ok((await admin.listGroups()).groups.some(({ groupId }) => groupId === topic))
  await admin.deleteGroups([topic])
  await producer.disconnect()
}

async function administer() {
  const topic = `${prefix}-admin`
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true })
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.equal(topics[0].name, topic)
  const type = ConfigResourceTypes.TOPIC
  await admin.alterConfigs({ resources: [{ type, name: topic, configEntries: [{ name: 'retention.ms', value: '60000' }] }] })
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name: topic, configNames: ['retention.ms'] }] })
  assert.equal(resources[0].configEntries[0].configName, 'retention.ms')
  assert.equal((await admin.describeCluster()).brokers.length, 1)
  assert.ok((await admin.listTopics()).includes(topic))
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] })
  await admin.deleteTopics({ topics: [topic] })
}

;(async () => {
  await admin.connect()
  let bad = 0
  const cases = { ...Object.fromEntries(Object.keys(codecs).map((c) => [c, () => produce(c)])), admin: administer, group }
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run()
      console.log(`ok ${name}`)
    } catch (e) {
      bad = 1
      console.error(e)
      console.log(`fail ${name}`)
    }
  }
  await admin.disconnect()
  process.exit(bad)
})()
