// kafkajs as a member of a group: node member.mjs BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs')
const [bootstrap, topic, groupId, assignor, name, session] = process.argv.slice(2)
if (assignor !== 'roundrobin') throw new Error(`kafkajs assigns by roundrobin only, not by ${assignor}`)

let owned = []
const emit = (event, fields = {}) => process.stdout.write(JSON.stringify({ t: Date.now(), event, ...fields }) + '\n')
const numbers = partitions => [...partitions].sort((a, b) => a - b)

const kafka = new Kafka({ clientId: name, brokers: [bootstrap], logLevel: logLevel.WARN, logCreator: () => entry =>
  process.stderr.write(JSON.stringify(entry) + '\n') })
const consumer = kafka.consumer({
  groupId, sessionTimeout: Number(session), heartbeatInterval: Math.min(1_000, Number(session) / 10), rebalanceTimeout: 10_000,
  maxWaitTimeInMs: 100, metadataMaxAge: 1_000,
})

// kafkajs has no callback before partitions go: it says that it joins again, and what it then got.
function given(partitions) {
  emit('assigned', { partitions: numbers(partitions) })
  owned = partitions
}

function taken() {
  if (owned.length) emit('revoked', { partitions: numbers(owned) })
  owned = []
}

consumer.on(consumer.events.REBALANCING, taken)
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  taken()
  given(payload.memberAssignment[topic] ?? [])
})
consumer.on(consumer.events.CRASH, ({ payload }) => {
  emit(payload.restart ? 'warning' : 'error', { message: String(payload.error) })
})

async function eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  if (!isRunning() || isStale()) return
  const partition = batch.partition
  const first = Number(batch.firstOffset()), last = Number(batch.lastOffset())
  emit('processed', { partition, first, last, count: batch.messages.length })
  resolveOffset(batch.lastOffset())
  await consumer.commitOffsets([{ topic, partition, offset: String(last + 1) }])
  emit('committed', { offsets: { [partition]: last + 1 } })
  await heartbeat()
}

let leaving = false
async function leave() {
  if (leaving) return
  leaving = true
  emit('closing')
  await consumer.stop()
  taken()
  await consumer.disconnect()
  emit('closed')
  process.exit(0)
}

process.on('SIGTERM', leave)
createInterface({ input: process.stdin }).on('line', line => line.trim() === 'quit' && leave())
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
emit('started')
await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 1, eachBatch })
