// What the standard parser finds wrong with each AsyncAPI document that the arguments name, as a JSON object by name.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

// A document may stay at the version of AsyncAPI for which most tools are made.
const PERMITTED = ["asyncapi-latest-version"];

async function main() {
  const found = {};
  for (const path of process.argv.slice(2)) {
    const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
    const wrong = diagnostics.filter((one) => !PERMITTED.includes(one.code));
    found[path] = wrong.map((one) => `${one.code} ${one.path.join("/")}: ${one.message}`);
    if (!document) found[path].push("no document");
  }
  process.stdout.write(JSON.stringify(found));
}

main();
