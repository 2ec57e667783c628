// What the SDK for JavaScript says to each Kafka record of a list: null, or why it is no CloudEvent. From a file, to stdout.
const { readFileSync } = require("node:fs");
const { Kafka } = require("cloudevents");

const records = JSON.parse(readFileSync(process.argv[2], "utf8"));
const answers = records.map(({ headers, value }) => {
  try {
    if (!Kafka.isEvent({ headers, value })) return "not an event";
    for (const event of [Kafka.toEvent({ headers, value })].flat()) event.validate();
    return null;
  } catch (error) {
    return `${error.message} ${JSON.stringify(error.errors ?? "")}`;
  }
});
process.stdout.write(JSON.stringify(answers));
