/* Two maps in C, written against the contract alone: `echo` hands its columns back, `double` doubles a number.
 *
 * Whatever is given to a function is its own, to free or to hand on; whatever is returned is freed behind it, so it is
 * never a literal. wasi-libc's allocator aligns to 16 bytes: a buffer can be read as an array of numbers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_operator.h"

typedef map_operator_string_t string;
typedef map_operator_list_u8_t bytes;
typedef millstream_operator_columns_array_t array;
typedef millstream_operator_columns_list_array_t arrays;
typedef millstream_operator_columns_field_t field;
typedef exports_millstream_operator_map_binding_t binding;
typedef exports_millstream_operator_map_request_t request;

enum { SLOTS = 64 };
enum mode { ECHO, DICTIONARIES, NO_ARRAY, ROWS, VALIDITY, NO_BUFFER, SHORT, OFFSETS, TEXT, INTS, FLOATS, NOTHING, FAIL, RAISE, LOG };
static enum mode modes[SLOTS];

static bool is(const string *text, const char *other) {
  return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}

/* Good enough for the configurations of tests. */
static bool says(const string *config, const char *words) {
  size_t length = strlen(words);
  for (size_t at = 0; at + length <= config->len; at++)
    if (memcmp(config->ptr + at, words, length) == 0) return true;
  return false;
}


static exports_millstream_operator_catalog_column_t column(const char *name, bool makes, const char *type,
                                                           const char *summary) {
  exports_millstream_operator_catalog_column_t made = {
      .direction = makes ? EXPORTS_MILLSTREAM_OPERATOR_CATALOG_DIRECTION_MAKES
                         : EXPORTS_MILLSTREAM_OPERATOR_CATALOG_DIRECTION_TAKES};
  map_operator_string_dup(&made.name, name);
  map_operator_string_dup(&made.type_text, type);
  map_operator_string_dup(&made.summary, summary);
  return made;
}

void exports_millstream_operator_catalog_operators(exports_millstream_operator_catalog_list_operator_t *ret) {
  ret->len = 2;
  ret->ptr = calloc(ret->len, sizeof *ret->ptr);
  exports_millstream_operator_catalog_operator_t *echo = &ret->ptr[0], *twice = &ret->ptr[1];
  map_operator_string_dup(&echo->name, "echo");
  map_operator_string_dup(&echo->kind, "map");
  map_operator_string_dup(&echo->summary, "Hands its columns back");
  echo->config_schema.is_some = true;
  map_operator_string_dup(
      &echo->config_schema.val,
      "{\"type\": \"object\", \"properties\": {\"spoil\": {\"type\": \"string\"}, \"dictionaries\": {\"type\": \"boolean\"}}}");
  echo->columns.len = 1;
  echo->columns.ptr = malloc(sizeof *echo->columns.ptr);
  echo->columns.ptr[0] = column("<all>", false, "anything", "what is handed back");
  map_operator_string_dup(&twice->name, "double");
  map_operator_string_dup(&twice->kind, "map");
  map_operator_string_dup(&twice->summary, "Doubles its first column");
  twice->columns.len = 2;
  twice->columns.ptr = malloc(2 * sizeof *twice->columns.ptr);
  twice->columns.ptr[0] = column("<first>", false, "int64 or float64", "a number");
  twice->columns.ptr[1] = column("doubled", true, "as the first", "twice the number");
}

/* A field of its own, without metadata. */
static field plain(const string *name, const string *format, bool nullable) {
  field made = {.nullable = nullable};
  map_operator_string_dup_n(&made.name, (const char *)name->ptr, name->len);
  map_operator_string_dup_n(&made.format, (const char *)format->ptr, format->len);
  return made;
}

/* A copy of a column's fields; as a dictionary, if that is wished for. */
static void copied(const millstream_operator_types_list_field_t *from, bool dictionary, field *to) {
  for (size_t i = 0; i < from->len; i++) {
    const field *given = &from->ptr[i];
    to[i] = plain(&given->name, &given->format, given->nullable);
    to[i].children = given->children;
    to[i].dictionary = given->dictionary;
  }
  if (!dictionary) return;
  string values = {(uint8_t *)"values", 6};
  to[1] = plain(&values, &to[0].format, true);
  to[0].format.ptr[0] = 'i';
  to[0].format.len = 1;
  to[0].children = 1;
  to[0].dictionary = true;
}

static enum mode mode_of(const request *asked) {
  const string *config = &asked->config;
  if (is(&asked->operator_, "echo")) {
    if (says(config, "dictionaries")) return DICTIONARIES;
    if (says(config, "no-array")) return NO_ARRAY;
    if (says(config, "rows")) return ROWS;
    if (says(config, "validity")) return VALIDITY;
    if (says(config, "no-buffer")) return NO_BUFFER;
    if (says(config, "short")) return SHORT;
    if (says(config, "offsets")) return OFFSETS;
    if (says(config, "text")) return TEXT;
    return ECHO;
  }
  if (says(config, "nothing")) return NOTHING;
  if (says(config, "fail")) return FAIL;
  if (says(config, "raise")) return RAISE;
  if (says(config, "log")) return LOG;
  return is(&asked->input.ptr[0].fields.ptr[0].format, "l") ? INTS : FLOATS;
}

bool exports_millstream_operator_map_bind(uint32_t slot, request *asked, binding *ret,
                                          exports_millstream_operator_map_problem_t *err) {
  memset(ret, 0, sizeof *ret);
  memset(err, 0, sizeof *err);
  ret->hints.deterministic = true;
  enum mode mode = mode_of(asked);
  if (slot < SLOTS) modes[slot] = mode;
  if (mode >= INTS) {
    const field *first = &asked->input.ptr[0].fields.ptr[0];
    if (!is(&first->format, "l") && !is(&first->format, "g")) {
      char message[200];
      snprintf(message, sizeof message, "`%.*s` has format %.*s; l and g can be doubled", (int)first->name.len,
               first->name.ptr, (int)first->format.len, first->format.ptr);
      map_operator_string_dup(&err->message, message);
      exports_millstream_operator_map_request_free(asked);
      return false;
    }
    ret->reads.len = 1;
    ret->reads.ptr = calloc(1, sizeof *ret->reads.ptr);
    ret->output.len = 1;
    ret->output.ptr = malloc(sizeof *ret->output.ptr);
    string name = {(uint8_t *)"doubled", 7};
    ret->output.ptr[0] = plain(&name, &first->format, first->nullable);
  } else {
    size_t all = 0, made = 0;
    bool dictionary = mode == DICTIONARIES;
    for (size_t i = 0; i < asked->input.len; i++) all += asked->input.ptr[i].fields.len + dictionary;
    ret->reads.len = asked->input.len;
    ret->reads.ptr = calloc(ret->reads.len, sizeof *ret->reads.ptr);
    ret->output.len = all;
    ret->output.ptr = malloc(all * sizeof *ret->output.ptr);
    for (size_t i = 0; i < asked->input.len; i++) {
      const millstream_operator_types_list_field_t *fields = &asked->input.ptr[i].fields;
      millstream_operator_types_read_t *read = &ret->reads.ptr[i];
      read->column = i;
      read->shape.len = fields->len + dictionary;
      read->shape.ptr = malloc(read->shape.len * sizeof(field));
      copied(fields, dictionary, read->shape.ptr);
      copied(fields, dictionary, ret->output.ptr + made);
      made += read->shape.len;
    }
  }
  exports_millstream_operator_map_request_free(asked);
  return true;
}

/* The last array made wrong. */
static void spoil(arrays *given, enum mode mode) {
  array *last = &given->ptr[given->len - 1];
  bytes *end = last->buffers.len ? &last->buffers.ptr[last->buffers.len - 1] : NULL;
  if (mode == NO_ARRAY) millstream_operator_columns_array_free(&given->ptr[--given->len]);
  if (mode == ROWS) last->rows++;
  if (mode == VALIDITY) last->validity.is_some = true, last->validity.val = (bytes){0};
  if (mode == NO_BUFFER) last->buffers.len--;
  if (mode == SHORT) end->len--;
  if (mode == OFFSETS) memset(last->buffers.ptr[0].ptr, 255, last->buffers.ptr[0].len);
  if (mode == TEXT) memset(end->ptr, 255, end->len);
}

static void say(void) {
  string words[3] = {{(uint8_t *)"ä", 2}, {NULL, 0}, {(uint8_t *)"b", 1}};
  map_operator_list_string_t given = {words, 3}, back;
  map_operator_tuple2_list_u8_list_u8_t text;
  millstream_operator_text_encode(&given, &text);
  millstream_operator_text_decode(&text.f0, &text.f1, &back);
  char line[100];
  int length = snprintf(line, sizeof line, "doubling %.*s %.*s %.*s", (int)back.ptr[0].len, back.ptr[0].ptr,
                        (int)back.ptr[1].len, back.ptr[1].ptr, (int)back.ptr[2].len, back.ptr[2].ptr);
  string told = {(uint8_t *)line, length};
  millstream_operator_log_log(MILLSTREAM_OPERATOR_LOG_LEVEL_INFO, &told);
  map_operator_tuple2_list_u8_list_u8_free(&text);
  map_operator_list_string_free(&back);
}

bool exports_millstream_operator_map_call(uint32_t slot, exports_millstream_operator_map_batch_t *input,
                                          exports_millstream_operator_map_mapped_t *ret,
                                          exports_millstream_operator_map_failure_t *err) {
  memset(ret, 0, sizeof *ret);
  memset(err, 0, sizeof *err);
  enum mode mode = slot < SLOTS ? modes[slot] : ECHO;
  if (mode == FAIL) {
    map_operator_string_dup(&err->message, "there is none");
    err->about.is_some = true;
    err->about.val.tag = MILLSTREAM_OPERATOR_TYPES_SUBJECT_ROW;
    err->about.val.val.row = 0;
    exports_millstream_operator_map_batch_free(input);
    return false;
  }
  if (mode == RAISE) {
    fprintf(stderr, "no number today\n");
    abort();
  }
  if (mode == LOG) say();
  ret->output = *input;
  if (mode < INTS) {
    spoil(&ret->output.arrays, mode);
    return true;
  }
  /* In place: the buffers are ours. */
  bytes *buffer = &input->arrays.ptr[0].buffers.ptr[0];
  if (mode == FLOATS) {
    double *values = (double *)buffer->ptr;
    for (size_t row = 0; row < input->rows; row++) values[row] *= 2;
  } else if (mode != NOTHING) {
    uint64_t *values = (uint64_t *)buffer->ptr;
    for (size_t row = 0; row < input->rows; row++) values[row] *= 2;
  }
  return true;
}
