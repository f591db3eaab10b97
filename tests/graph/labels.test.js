// labels.test.js: names of classes from texts as people have them, and whether they fit a network.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildNetwork, classCount, createRandom, parseLabels, withLabels } from "../../dist/graph/index.js";

const CATS = ["cat", "dog, hot"];

test("lines, lists and objects, in JSON or as Python prints them", () => {
  for (const text of [
    "cat\ndog, hot\n",
    "\ufeffcat\r\ndog, hot\r\n\r\n",
    '["cat", "dog, hot"]',
    '{"1": "dog, hot", "0": "cat"}',
    '{"0": ["n02", "cat"], "1": ["n03", "dog, hot"]}',
    "{0: 'cat', 1: \"dog, hot\"}",
    "('cat', 'dog, hot',)",
    '{"cat": 0, "dog, hot": 1}',
    '{"architectures": ["x"], "id2label": {"0": "cat", "1": "dog, hot"}, "label2id": {"cat": 0}}',
    '{"names": ["cat", "dog, hot"]}',
  ]) {
    assert.deepEqual(parseLabels(text), CATS, text);
  }
  assert.deepEqual(parseLabels("{0: 'd\\'or', 1: \"it's\"}"), ["d'or", "it's"]);
  assert.deepEqual(parseLabels("[1, 2]"), ["1", "2"]);
});

test("what is no list of names is refused in words", () => {
  for (const [text, message] of [
    ["", /one name a line.*an empty file/],
    ["{}", /one name a line/],
    ["[]", /one name a line/],
    ["{0: 'cat'", /no list of names; expected one name a line/],
    ['{"0": "cat", "2": "dog"}', /names for the numbers 0 to 1; found none for 1/],
    ['{"0": {"a": 1}}', /name 0.*a name/],
    ["cat\n\ndog", /name 1: .*1 to 200 printable/],
    ["x".repeat(201), /name 0/],
    ["a\n".repeat(65537), /at most 65536 names/],
  ]) {
    assert.throws(() => parseLabels(text, "names.txt"), { code: "BAD_FILE", message }, text.slice(0, 40));
  }
  assert.throws(() => parseLabels(7), { code: "BAD_OPTION" });
});

test("names fit a network that ends in one vector of as many values", () => {
  const net = buildNetwork("net", createRandom(1));
  const classifier = net.finish([net.dense(net.globalAvgPool(net.input([3, 4, 4])), 2)]);
  assert.equal(classCount(classifier), 2);
  assert.deepEqual(withLabels(classifier, CATS, "a").labels, CATS);
  assert.throws(() => withLabels(classifier, ["cat"], "names.txt"), {
    code: "BAD_DATA",
    message: /names\.txt: .*2 names.*background.*found 1 names/,
  });
  const pictures = { ...classifier, outputs: ["input"] };
  assert.equal(classCount(pictures), null);
  assert.deepEqual(withLabels(pictures, ["cat"], "a").labels, ["cat"]);
});
