/* The API's description: web/openapi.json with the schemas of settings, which are made of the tables that settings are
 * read by. */
#include "base/choice.h"
#include "base/json.h"
#include "serve/api/api.h"
#include "serve/http/page.h"
#include "serve/jobs/settings.h"

#include <stdlib.h>
#include <string.h>

static json_t *fields_schema(const dr_field *table);

/* A table that has a name is referred to. */
static json_t *table_schema(const dr_field *table)
{
    for (const dr_named_fields *t = dr_named_tables; t->name; t++)
        if (t->fields == table)
            return json_pack("{s:s+}", "$ref", "#/components/schemas/", t->name);
    return fields_schema(table);
}

static json_t *bound(double v)
{
    return v == (double)(json_int_t)v ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *words(const char *choices, bool optional)
{
    json_t *list = json_array();
    const char *word;
    size_t n;
    while (dr_choice_next(&choices, &word, &n))
        json_array_append_new(list, json_stringn(word, n));
    if (optional)
        json_array_append_new(list, json_null());
    return list;
}

/* What may stand in place of a value is null. */
static void set_type(json_t *o, const char *type, bool optional)
{
    json_object_set_new(o, "type", optional ? json_pack("[s, s]", type, "null") : json_string(type));
}

static void describe_number(const dr_field *f, json_t *o, bool optional)
{
    set_type(o, f->kind == DR_FIELD_INT ? "integer" : "number", optional);
    json_object_set_new(o, f->above ? "exclusiveMinimum" : "minimum", bound(f->min));
    json_object_set_new(o, "maximum", bound(f->max));
    if (f->multiple)
        json_object_set_new(o, "multipleOf", json_integer(f->multiple));
}

static void describe_words(const dr_field *f, json_t *o, bool optional)
{
    if (!optional && !strchr(f->choices, '|')) {
        json_object_set_new(o, "const", json_string(f->choices));
        return;
    }
    set_type(o, "string", optional);
    json_object_set_new(o, "enum", words(f->choices, optional));
}

static void describe_text(const dr_field *f, json_t *o, bool optional)
{
    set_type(o, "string", optional);
    if (f->kind == DR_FIELD_IMAGE)
        json_object_set_new(o, "pattern", json_string("^[0-9a-f]{64}$"));
    else if (f->kind == DR_FIELD_ID)
        json_object_set_new(o, "pattern", json_string("^[1-9][0-9]{0,17}$"));
    else {
        json_object_set_new(o, "maxLength", bound(f->max));
        json_object_set_new(o, "pattern", json_string("^[^\\u0000]*$")); /* with which C's texts end */
    }
    if (f->kind == DR_FIELD_STRING && f->min > 0)
        json_object_set_new(o, "minLength", bound(f->min));
}

static void describe_list(const dr_field *f, json_t *o)
{
    json_object_set_new(o, "type", json_string("array"));
    json_object_set_new(o, "items", table_schema(f->of));
    json_object_set_new(o, "minItems", bound(f->min));
    json_object_set_new(o, "maxItems", bound(f->max));
}

static void describe_value(const dr_field *f, json_t *o, bool optional)
{
    switch (f->kind) {
    case DR_FIELD_INT:
    case DR_FIELD_NUMBER:
        describe_number(f, o, optional);
        break;
    case DR_FIELD_BOOL:
        set_type(o, "boolean", optional);
        break;
    case DR_FIELD_CHOICE:
        describe_words(f, o, optional);
        break;
    case DR_FIELD_OBJECT:
        json_object_set_new(o, "oneOf", json_pack("[o, {s:s}]", table_schema(f->of), "type", "null"));
        break;
    case DR_FIELD_LIST:
        describe_list(f, o);
        break;
    default:
        describe_text(f, o, optional);
    }
}

/* "denoising steps; null: as suits the model, mostly 50": what a default means that does not speak for itself. */
static json_t *about(const dr_field *f, const dr_field *plain, const json_t *def)
{
    const drape_option *p = dr_field_option(f);
    if (f->about || !p)
        return json_string(plain->about ? plain->about : "id of a picture: the SHA-256 of its file");
    bool own = f->def && !json_is_null(def); /* a default of the server's own */
    if (own || !p->unset || !p->unset[0] || json_is_string(def))
        return json_string(p->help);
    char *value = json_dumps(def, JSON_ENCODE_ANY);
    json_t *text = json_pack("s++++", p->help, "; ", value ? value : "", ": ", p->unset);
    free(value);
    return text;
}

static json_t *field_schema(const dr_field *f, bool *required)
{
    dr_field plain = dr_field_plain(f);
    json_t *def = dr_field_default(f), *o = json_object();
    *required = def == NULL;
    describe_value(&plain, o, !*required);
    if (plain.about || plain.kind == DR_FIELD_IMAGE)
        json_object_set_new(o, "description", about(f, &plain, def));
    if (def && !json_is_null(def) && plain.kind != DR_FIELD_OBJECT)
        json_object_set(o, "default", def);
    json_decref(def);
    return o;
}

static json_t *fields_schema(const dr_field *table)
{
    json_t *properties = json_object(), *needed = json_array();
    for (const dr_field *f = table; f->name; f++) {
        bool required;
        json_object_set_new(properties, f->name, field_schema(f, &required));
        if (required)
            json_array_append_new(needed, json_string(f->name));
    }
    json_t *o = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
    if (json_array_size(needed) > 0)
        json_object_set(o, "required", needed);
    json_object_set_new(o, "additionalProperties", json_false());
    json_decref(needed);
    return o;
}

static void add_schemas(json_t *document)
{
    dr_field fields[DR_LINT_FIELDS];
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    for (const dr_named_fields *t = dr_named_tables; t->name; t++)
        json_object_set_new(schemas, t->name, fields_schema(t->fields));
    json_t *lint = fields_schema(dr_lint_fields(fields));
    json_object_set_new(lint, "description", json_string("TrainSettings that need not have a name yet"));
    json_object_set_new(schemas, "LintSettings", lint);
}

void dr_get_description(dr_studio *s, dr_request *r)
{
    dr_answer file = {0};
    json_t *document = NULL;
    (void)s;
    if (!dr_asset_answer("/openapi.json", &file) ||
        dr_json_parse(file.bytes, file.size, "web/openapi.json", &document)) {
        dr_answer_error(&r->answer, 404, "not_found", NULL, "this program was built without its description");
        return;
    }
    add_schemas(document);
    dr_answer_json(&r->answer, 200, document);
}
