// Lets plugins outside of this folder import the SDK by its name, as in a project that has it installed.

import { register } from 'node:module';

const hooks = `export async function resolve(specifier, context, next) {
  const places = { '@millstream/guest': '../src/index.js', '@millstream/guest/testing': '../src/testing.js' };
  const place = places[specifier];
  return place ? { url: new URL(place, ${JSON.stringify(import.meta.url)}).href, shortCircuit: true } : next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
