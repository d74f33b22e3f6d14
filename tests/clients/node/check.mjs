// kafkajs against a broker: node check.mjs BOOTSTRAP MANIFEST
// It creates a topic, produces, asks for offsets, grows and deletes topics. kafkajs reads only as a member of a
// group, so what it sent is written to MANIFEST (JSON lines) and ../python/check_manifest.py reads it back.
import { createRequire } from 'node:module'
import { randomBytes, randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'

const require = createRequire(import.meta.url)
const { Kafka, CompressionTypes, CompressionCodecs, Partitioners, logLevel } = require('kafkajs')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const lz4 = require('lz4js') // kafkajs-lz4 has a native part that must be compiled
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4Frame(encoder.buffer),
  decompress: async bytes => Buffer.from(lz4.decompress(bytes)),
})

// lz4js lets the blocks of a frame depend on each other, which Kafka refuses: here each stands alone.
function lz4Frame(bytes) {
  const parts = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])] // version 1, independent, 64 KiB blocks
  for (let start = 0; start < bytes.length; start += 65_536) {
    const block = bytes.subarray(start, start + 65_536)
    const packed = lz4.makeBuffer(lz4.compressBound(block.length))
    const size = lz4.compressBlock(block, packed, 0, block.length, lz4HashTable())
    const stored = size === 0 || size >= block.length
    const header = Buffer.alloc(4)
    header.writeUInt32LE(stored ? (block.length | 0x8000_0000) >>> 0 : size)
    parts.push(header, stored ? block : Buffer.from(packed.slice(0, size)))
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

const lz4HashTable = () => new Uint32Array(1 << 16)

const PARTITIONS = 3
const short = !['', '0', undefined].includes(process.env.KLAMM_SHORT)
const [bootstrap, manifest] = process.argv.slice(2)
const topic = `check-kafkajs-${randomBytes(4).toString('hex')}`
const kafka = new Kafka({ clientId: 'check', brokers: [bootstrap], logLevel: logLevel.ERROR })
const sent = []
let passed = 0, failed = 0
let clock = Date.now() - 3_600_000

function check(name, good, detail) {
  good ? passed++ : failed++
  console.log(good ? `ok   kafkajs: ${name}` : `FAIL kafkajs: ${name}: ${String(detail).slice(0, 400)}`)
  return good
}

function value(size) {
  if (randomInt(2)) return randomBytes(size)
  return Buffer.alloc(size, `${randomInt(1000)} the same words again and again; `)
}

function record(value) {
  clock += randomInt(1, 50)
  const key = [null, Buffer.alloc(0), Buffer.from('key'), randomBytes(16)][randomInt(4)]
  const headers = randomInt(2) ? {} : { empty: Buffer.alloc(0), 'grüß': randomBytes(9) }
  const drawn = { partition: randomInt(PARTITIONS), key, value, headers, timestamp: String(clock) }
  sent.push(drawn)
  return drawn
}

function records(largest) {
  const sizes = [0, 1, 100, 1_000, 16_384, 100_000]
  if (largest || !short) sizes.push(900_000)
  for (let i = 0; i < (short ? 20 : 200); i++) sizes.push(randomInt(300))
  return [record(null), ...sizes.map(size => record(value(size)))]
}

function ends() {
  const counts = Array(PARTITIONS).fill(0)
  for (const { partition } of sent) counts[partition]++
  return counts.join()
}

async function logEnds(admin) {
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset).join()
}

async function produce(admin, codec, acks, idempotent) {
  const name = `${codec} acks=${acks} idempotent=${idempotent}`
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent })
  await producer.connect()
  try {
    const messages = records(acks === -1)
    await producer.send({ topic, acks, compression: CompressionTypes[codec], messages })
    check(`produce ${name}`, true)
  } catch (error) {
    check(`produce ${name}`, false, error)
  }
  const deadline = Date.now() + 10_000
  let got = await logEnds(admin)
  while (got !== ends() && Date.now() < deadline) got = await logEnds(admin)
  check(`log end after ${name}`, got === ends(), `got ${got}, wanted ${ends()}`)
  await producer.disconnect()
}

async function seek(admin) {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const mine = sent.filter(record => record.partition === partition)
    const index = mine.length >> 1
    const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, Number(mine[index].timestamp))
    const { offset } = offsets.find(answer => answer.partition === partition)
    check(`offset for a time of ${partition}`, offset === String(index), `got ${offset}, wanted ${index}`)
  }
}

async function run() {
  const admin = kafka.admin()
  await admin.connect()
  const created = await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }] })
  check('create', created === true, created)
  const described = await admin.fetchTopicMetadata({ topics: [topic] })
  check('created with partitions', described.topics[0].partitions.length === PARTITIONS, JSON.stringify(described))
  const again = await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }] })
  check('creating it again is refused', again === false, again)
  // -1 first: a fresh topic may refuse its first record, which only acks other than 0 tell.
  for (const codec of ['None', 'GZIP', 'Snappy', 'LZ4']) {
    for (const acks of [-1, 1, 0]) await produce(admin, codec, acks, false)
  }
  await produce(admin, 'GZIP', -1, true)
  await seek(admin)
  const cluster = await admin.describeCluster()
  check('describe cluster', cluster.brokers.length === 1 && cluster.clusterId !== null, JSON.stringify(cluster))
  const base64 = bytes => (bytes === null ? null : bytes.toString('base64'))
  writeFileSync(manifest, [topic, ...sent.map(({ partition, key, value, headers, timestamp }) => JSON.stringify({
    partition, key: base64(key), value: base64(value), timestamp: Number(timestamp),
    headers: Object.entries(headers).map(([name, bytes]) => [name, base64(bytes)]),
  }))].join('\n') + '\n')
  await admin.disconnect()
}

setTimeout(() => { check('finished in time', false, 'five minutes are over'); finish() }, 300_000).unref()

function finish() {
  console.log(`kafkajs: ${passed} passed, ${failed} failed`)
  process.exit(failed || !passed ? 1 : 0)
}

run().catch(error => check('run', false, error.stack)).then(finish)
