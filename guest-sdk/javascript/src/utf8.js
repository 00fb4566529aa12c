// UTF-8 for single texts. Columns are read and written at once, by the host: see platform.js.

const CHUNK = 4096;

/** The text of `bytes[from..to]`, which is valid UTF-8. */
export function decodeUtf8(bytes, from = 0, to = bytes.length) {
  let text = '';
  // What has no bytes above 0x7f, which is most of it, needs no loop in JavaScript over its bytes but one.
  let plain = true;
  for (let at = from; at < to; at++) {
    if (bytes[at] > 0x7f) {
      plain = false;
      break;
    }
  }
  if (plain) {
    for (let at = from; at < to; at += CHUNK) {
      text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(to, at + CHUNK)));
    }
    return text;
  }
  let units = [];
  for (let at = from; at < to; ) {
    const first = bytes[at++];
    if (first < 0x80) units.push(first);
    else if (first < 0xe0) units.push(((first & 0x1f) << 6) | (bytes[at++] & 0x3f));
    else if (first < 0xf0) {
      units.push(((first & 0x0f) << 12) | ((bytes[at++] & 0x3f) << 6) | (bytes[at++] & 0x3f));
    } else {
      const point =
        (((first & 0x07) << 18) | ((bytes[at++] & 0x3f) << 12) | ((bytes[at++] & 0x3f) << 6) | (bytes[at++] & 0x3f)) -
        0x10000;
      units.push(0xd800 | (point >> 10), 0xdc00 | (point & 0x3ff));
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}

/** Whether the bytes are valid UTF-8: no overlong forms, no surrogates, nothing cut off. */
export function isUtf8(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++];
    if (first < 0x80) continue;
    const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
    if (more === 0) return false;
    const second = bytes[at] ?? 0;
    if (first === 0xe0 && second < 0xa0) return false;
    if (first === 0xed && second > 0x9f) return false;
    if (first === 0xf0 && second < 0x90) return false;
    if (first === 0xf4 && second > 0x8f) return false;
    for (let i = 0; i < more; i++) if (((bytes[at++] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return true;
}

/** Surrogates without their other half become U+FFFD, as in a TextEncoder: UTF-8 has no bytes for them. */
export function wellFormed(text) {
  return text.isWellFormed() ? text : text.toWellFormed();
}

/** The UTF-8 of a text. */
export function encodeUtf8(text) {
  let bytes = new Uint8Array(text.length);
  let plain = 0;
  for (; plain < text.length; plain++) {
    const unit = text.charCodeAt(plain);
    if (unit > 0x7f) break;
    bytes[plain] = unit;
  }
  if (plain === text.length) return bytes;
  const wide = new Uint8Array(plain + 3 * (text.length - plain));
  wide.set(bytes.subarray(0, plain));
  bytes = wide;
  let end = plain;
  for (let at = plain; at < text.length; at++) {
    let point = text.codePointAt(at);
    if (point > 0xffff) at++;
    else if (point >= 0xd800 && point < 0xe000) point = 0xfffd;
    if (point < 0x80) bytes[end++] = point;
    else if (point < 0x800) {
      bytes[end++] = 0xc0 | (point >> 6);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      bytes[end++] = 0xe0 | (point >> 12);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else {
      bytes[end++] = 0xf0 | (point >> 18);
      bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes.slice(0, end);
}

/** Whether `bytes[from..]` begins with all of `part`. */
export function matches(bytes, from, part) {
  return matching(bytes, from, part) === part.length;
}

/** How many bytes of `part` are at the start of `bytes[from..]`. */
export function matching(bytes, from, part) {
  const { length } = part;
  let same = 0;
  while (same < length && bytes[from + same] === part[same]) same++;
  return same;
}
