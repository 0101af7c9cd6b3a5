// kafkajs: admin, and produce in each compression that it knows. It reads only in groups, so offsets tell what arrived.
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
  const cases = { ...Object.fromEntries(Object.keys(codecs).map((c) => [c, () => produce(c)])), admin: administer }
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
