// Reads a list of {definition, cases: [{expression, bindings}]}; writes, for each, what asl-validator
// and JSONata's own implementation make of it:
// {errors: [text], answers: [{value} | {undefined: true} | {error}]}. A definition may be null: the
// validator compiles its schemas anew for each, which takes the better part of a second.
import { readFileSync } from "node:fs";
import validate from "asl-validator";
import jsonata from "jsonata";

async function answer({ expression, bindings }) {
  try {
    const value = await jsonata(expression).evaluate(undefined, bindings);
    return value === undefined ? { undefined: true } : { value };
  } catch (error) {
    return { error: `${error.code}: ${error.message}` };
  }
}

async function verdict({ definition, cases }) {
  const answers = await Promise.all(cases.map(answer));
  const errors = definition ? validate(definition).errors : [];
  return { errors: errors.map((error) => JSON.stringify(error)), answers };
}

const machines = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(machines.map(verdict))));
