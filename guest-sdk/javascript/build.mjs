#!/usr/bin/env node
// Makes a component of a plugin's folder: `node build.mjs FOLDER [-o NAME.wasm]`; or runs its tests: `--test`.
//
// The folder has a `plugin.js` or `plugin.ts`, and what these import. TypeScript is checked first; then all becomes one
// bundle with the SDK, is asked which operators it has, and goes into a component of the world that fits. What is wrong is
// told in one message with the author's file and line; exit code 1.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';

import { componentize } from 'componentize-qjs';
import { build } from 'esbuild';

import { byLine, traced, tracer } from './src/stack.js';

const SDK = dirname(fileURLToPath(import.meta.url));
const ENTRIES = ['plugin.ts', 'plugin.mts', 'plugin.js', 'plugin.mjs'];
/** The worlds with one kind; with several kinds it is `operators`. */
const WORLDS = ['filter', 'map', 'flat-map', 'aggregate', 'keyed'];
const EXPORTS = { filter: 'filter', map: 'map', 'flat-map': 'flatMap', aggregate: 'aggregate', keyed: 'keyed' };
/** How the bundle is called in stacks. */
const BUNDLE = 'millstream-bundle.js';
/** How the generated entry module is. */
const ENTRY = 'millstream-entry.js';
/** So long may a plugin's modules take to load. */
const LOADING = 10_000;

/** What the author has to mend. */
class Mistake extends Error {}

/** Builds `folder`; returns the component's bytes, its world and its operators. */
export async function buildPlugin(folder, { wit = join(SDK, '../../wit'), name = nameOf(folder) } = {}) {
  const project = resolve(folder);
  const entry = ENTRIES.find((file) => existsSync(join(project, file)));
  if (!entry) throw new Mistake(`${project} has no ${ENTRIES[0]} and no ${ENTRIES[2]}`);
  const scratch = mkdtempSync(join(tmpdir(), 'millstream-'));
  try {
    // In this order an import that cannot be found is told in our words, and a mistake in a type before what it leads to.
    const probe = await bundled(project, probeModule(entry, name), 'iife');
    if (entry.endsWith('ts')) checkTypes(project, entry, scratch);
    const kinds = kindsOf(probe);
    const world = kinds.length === 1 ? `${kinds[0]}-operator` : 'operators';
    const code = await bundled(project, entryModule(entry, name, world, kinds), 'esm');
    const file = join(scratch, BUNDLE);
    writeFileSync(file, code);
    let component;
    try {
      ({ component } = await componentize({ witPath: wit, jsSource: code, jsPath: file, moduleRoot: scratch, world, sync: true }));
    } catch (error) {
      throw new Mistake(located(String(error.message ?? error), code));
    }
    return { component, world, kinds };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The component's name: the package's, or the folder's. */
function nameOf(folder) {
  const manifest = join(folder, 'package.json');
  const name = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).name : undefined;
  return (name ?? basename(resolve(folder))).replace(/^@[^/]*\//, '').replace(/[^A-Za-z0-9_-]/g, '-');
}

/** `tsc --strict`, with the project's own tsconfig.json if there is one. */
function checkTypes(project, entry, scratch) {
  const own = join(project, 'tsconfig.json');
  const config = {
    ...(existsSync(own) ? { extends: own } : {}),
    files: [join(project, entry)],
    include: [],
    compilerOptions: {
      strict: true,
      target: 'es2022',
      lib: ['es2024'],
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
      paths: {
        '@millstream/guest': [join(SDK, 'types/index.d.ts')],
        '@millstream/guest/testing': [join(SDK, 'types/testing.d.ts')],
      },
    },
  };
  const file = join(scratch, 'tsconfig.json');
  writeFileSync(file, JSON.stringify(config));
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '--pretty', 'false', '-p', file], { cwd: project, encoding: 'utf8' });
  if (status === 0) return;
  // `plugin.ts(12,5): error TS2322: …`, and further in, line by line, why: the last one is what the author wrote.
  const messages = [];
  for (const line of `${stdout}${stderr}`.trim().split('\n')) {
    const [, file, row, column, code, text] = /^(\S+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? [];
    if (file !== undefined) messages.push({ at: `${file}:${row}:${column}: ${code}`, text });
    else if (messages.length > 0) messages[messages.length - 1].text = line.trim();
    else messages.push({ at: 'tsc', text: line });
  }
  throw new Mistake(messages.map(({ at, text }) => `${at}: ${text}`).join('\n'));
}

const shared = {
  bundle: true,
  write: false,
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['import'],
  target: 'es2023',
  logLevel: 'silent',
  sourcemap: 'external',
};

/** One module, and behind it the map to the files that it came from. */
async function bundled(project, contents, format) {
  let result;
  try {
    result = await build({
      ...shared,
      format,
      absWorkingDir: project,
      outfile: join(project, BUNDLE),
      stdin: { contents, resolveDir: project, sourcefile: ENTRY, loader: 'js' },
      external: ['millstream:*'],
      alias: {
        '@millstream/guest': join(SDK, 'src/index.js'),
        '@millstream/guest/entry': join(SDK, 'src/entry.js'),
        '@millstream/guest/globals': join(SDK, 'src/globals.js'),
      },
    });
  } catch (error) {
    throw new Mistake((error.errors ?? []).map(told).join('\n') || String(error.message));
  }
  const text = (end) => result.outputFiles.find(({ path }) => path.endsWith(end)).text;
  const { mappings, sources } = JSON.parse(text('.map'));
  const isOwn = sources.map((source) => source !== ENTRY && relative(SDK, resolve(project, source)).startsWith('..'));
  const map = { mappings: byLine(mappings, (source) => isOwn[source]), sources: sources.map((source, at) => (isOwn[at] ? source : '')) };
  // What esbuild says of where each file lies would stand in the component.
  const code = text(BUNDLE).replace(/^[ \t]*\/\/ \S*\.[cm]?[jt]s$/gm, '');
  return `${code}\nglobalThis.__millstreamMap = ${JSON.stringify(map)};\n`;
}

/** Runs the folder's `*.test.js` and `*.test.ts` under Node, without Wasm and without the SDK being installed there; the
 * exit code. Places are the author's by Node's own source maps. */
export async function testPlugin(folder) {
  const project = resolve(folder);
  const tests = readdirSync(project).filter((file) => /\.test\.m?[jt]s$/.test(file));
  if (tests.length === 0) throw new Mistake(`${project} has no file whose name ends in .test.js or .test.ts`);
  const scratch = mkdtempSync(join(tmpdir(), 'millstream-'));
  try {
    await build({
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'silent',
      sourcemap: 'linked',
      absWorkingDir: project,
      entryPoints: tests,
      outdir: scratch,
      outExtension: { '.js': '.mjs' },
      alias: {
        '@millstream/guest': join(SDK, 'src/index.js'),
        '@millstream/guest/testing': join(SDK, 'src/testing.js'),
      },
    }).catch((error) => {
      throw new Mistake((error.errors ?? []).map(told).join('\n') || String(error.message));
    });
    const files = readdirSync(scratch).filter((file) => file.endsWith('.mjs')).map((file) => join(scratch, file));
    return spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { cwd: project, stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A message of esbuild with its place; a module of Node's is told apart from one that is missing. */
function told({ text, location }) {
  const at = location ? `${location.file}:${location.line}:${location.column + 1}: ` : '';
  if (/^Top-level await/.test(text)) return `${at}an \`await\` outside of a function: a plugin has nothing to wait for`;
  const [, unknown] = /^No matching export in ".*src\/index\.js" for import "(.*)"$/.exec(text) ?? [];
  if (unknown !== undefined) return `${at}@millstream/guest has no \`${unknown}\``;
  const [, missing] = /^Could not resolve "([^"]+)"/.exec(text) ?? [];
  if (missing === undefined) return at + text;
  const plain = missing.replace(/^node:/, '');
  if (builtinModules.includes(plain)) {
    return `${at}"${missing}" is a module of Node's, which a plugin has not: it has no files, no network and no processes`;
  }
  const hint = missing.startsWith('.') ? 'there is no such file' : `there is no such package: \`npm install ${missing.split('/').slice(0, missing.startsWith('@') ? 2 : 1).join('/')}\``;
  return `${at}cannot import "${missing}": ${hint}`;
}

function entryModule(entry, name, world, kinds) {
  const exported = kinds.map((kind) => EXPORTS[kind]);
  const all = world === 'operators' ? Object.values(EXPORTS) : exported;
  const migration = world === 'operators' || world === 'aggregate-operator' || world === 'keyed-operator';
  return `import '@millstream/guest/globals';
import * as plugin from './${entry}';
import { start } from '@millstream/guest/entry';
import { log } from 'millstream:operator/log@0.2.0';
import { decode, encode } from 'millstream:operator/text@0.2.0';
const made = start(plugin, { name: ${JSON.stringify(name)}, file: ${JSON.stringify(BUNDLE)}, host: { log, decode, encode } });
export const { catalog, ${[...all, ...(migration ? ['migration'] : [])].join(', ')} } = made;
`;
}

function probeModule(entry, name) {
  return `import '@millstream/guest/globals';
import * as plugin from './${entry}';
import { operatorsOf } from ${JSON.stringify(join(SDK, 'src/component.js'))};
globalThis.made = JSON.stringify([...operatorsOf(plugin, ${JSON.stringify(name)}).values()].map(({ kind }) => kind));
`;
}

/** Which kinds of operators there are: the plugin is loaded once, with no more around it than the language. Where that fails
 * none is known: what Node lacks QuickJS may have, and if not, it is QuickJS that tells. */
function kindsOf(code) {
  const context = createContext({});
  try {
    new Script(code, { filename: BUNDLE }).runInContext(context, { timeout: LOADING });
  } catch {
    return [];
  }
  const kinds = new Set(JSON.parse(context.made));
  return WORLDS.filter((kind) => kinds.has(kind));
}

const NOT_THERE = /^(process|Buffer|require|module|__dirname|setTimeout|setInterval|fetch|URL|crypto|window|document|Intl|structuredClone) is not defined/;

function mapOf(code) {
  const at = code.lastIndexOf('globalThis.__millstreamMap = ');
  return JSON.parse(code.slice(at + 'globalThis.__millstreamMap = '.length).trim().replace(/;$/, ''));
}

/** A message of QuickJS, about modules that cannot be loaded, with the places in it as the author's. */
function located(text, code) {
  const frames = tracer({ ...mapOf(code), file: BUNDLE })(text);
  const [own] = frames;
  const [first] = text.split('\n');
  const message = first.replace(/^.*?module evaluation: (Error: )?/, '');
  const [, missing] = NOT_THERE.exec(message) ?? [];
  const hint = missing ? `: a plugin has the language and no more, no ${missing} as in Node or a browser` : '';
  const stack = own ? traced(frames) : [];
  return [`${own ? `${own.file}:${own.line}:${own.column}: ` : ''}the plugin fails while it is loaded: ${message}${hint}`, ...stack].join('\n');
}

async function main(args) {
  const at = args.findIndex((arg) => arg === '-o' || arg === '--output');
  const output = at < 0 ? undefined : args.splice(at, 2)[1];
  const tests = args.indexOf('--test');
  if (tests >= 0) args.splice(tests, 1);
  const [folder] = args;
  if (!folder || args.length > 1) {
    process.stderr.write('usage: node build.mjs FOLDER [-o NAME.wasm | --test]\n');
    return 2;
  }
  try {
    if (tests >= 0) return await testPlugin(folder);
    const { component, world } = await buildPlugin(folder);
    const file = output ?? `${nameOf(folder)}.wasm`;
    writeFileSync(file, component);
    process.stdout.write(`${file}: ${component.length} bytes, world ${world}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
