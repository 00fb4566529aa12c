// What an author is told of a project that cannot be built; and one that can. Needs what `npm ci` installs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const there = existsSync(new URL('../node_modules/esbuild', import.meta.url));
const { buildPlugin } = there ? await import('../build.mjs') : {};
const BUILD = fileURLToPath(new URL('../build.mjs', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'build-'));
after(() => rmSync(scratch, { recursive: true }));
let projects = 0;

const project = (files) => {
  const folder = join(scratch, `plugin-${projects++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
};
const told = async (files) => {
  try {
    await buildPlugin(project(files));
  } catch (error) {
    return error.message;
  }
  return 'nothing';
};
const MAP = "import { map } from '@millstream/guest';\n";

const CASES = {
  'a syntax error': [{ 'plugin.js': `${MAP}export const a = map({ bind() { return 1 + ; } });` }, 'plugin.js:2:44: Unexpected ";"'],
  'a module that is missing': [{ 'plugin.js': "import './lost.js';" }, 'plugin.js:1:8: cannot import "./lost.js": there is no such file'],
  'a package that is missing': [
    { 'plugin.js': "import a from '@of/it/part';\nexport default a;" },
    'plugin.js:1:15: cannot import "@of/it/part": there is no such package: `npm install @of/it`',
  ],
  'a module of Node’s, from a package': [
    { 'plugin.js': "import 'it';", 'node_modules/it/index.js': "require('fs');", 'node_modules/it/package.json': '{"name": "it"}' },
    'node_modules/it/index.js:1:9: "fs" is a module of Node\'s, which a plugin has not: it has no files, no network and no processes',
  ],
  'a type error': [
    { 'plugin.ts': `${MAP}export const a: string = map({ bind: () => ({ output: {}, call: () => [] }) });` },
    "plugin.ts:2:14: TS2322: Type 'Operator<\"map\">' is not assignable to type 'string'.",
  ],
  'an export that the SDK has not': [{ 'plugin.js': "import { mop } from '@millstream/guest';\nexport default mop;" }, 'plugin.js:1:10: @millstream/guest has no `mop`'],
  'an await outside of a function': [
    { 'plugin.js': 'export default await 1;' },
    'plugin.js:1:16: an `await` outside of a function: a plugin has nothing to wait for',
  ],
  'an error while it is loaded': [
    { 'plugin.js': "import { table } from './table.js';\nexport default table;", 'table.js': '\nexport const table = (() => process.env)();' },
    /^table\.js:2:29: the plugin fails while it is loaded: process is not defined: a plugin has the language and no more, no process as in Node or a browser\n {2}at <anonymous> \(table\.js:2:29\)/,
  ],
  'no operator': [{ 'plugin.js': 'export const a = 1;' }, /the plugin exports no operator: `export const NAME = filter/],
};

for (const [name, [files, expected]] of Object.entries(CASES)) {
  test(name, { skip: !there }, async () => {
    const message = await told(files);
    if (expected instanceof RegExp) assert.match(message, expected);
    else assert.equal(message, expected);
  });
}

test('a component of the world that fits', { skip: !there }, async () => {
  const operator = (kind) => `export const ${kind}s = ${kind}({ bind: () => ({ output: {}, call: () => [] }) });`;
  const one = await buildPlugin(project({ 'plugin.js': `import { filter } from '@millstream/guest';\n${operator('filter')}` }));
  assert.equal(one.world, 'filter-operator');
  assert.deepEqual([...one.component.subarray(0, 4)], [0, 0x61, 0x73, 0x6d]);
  const two = await buildPlugin(project({ 'plugin.js': `import { filter, map } from '@millstream/guest';\n${operator('filter')}\n${operator('map')}` }));
  assert.equal(two.world, 'operators');
});

test('the examples of the page', { skip: !there }, async () => {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [plugin, tests] = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
  const [, typed] = /```ts\n(.*?)```/s.exec(page);
  const folder = project({ 'plugin.js': plugin, 'plugin.test.js': tests, 'package.json': '{"type": "module"}' });
  assert.equal((await buildPlugin(folder)).world, 'map-operator');
  // Node's runner, in which this runs, would have the inner one report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [BUILD, folder, '--test'], { encoding: 'utf8', env });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /pass 1/);
  assert.equal((await buildPlugin(project({ 'plugin.ts': typed }))).world, 'keyed-operator');
});
