#include "io/hub_listing.h"

#include "base/json.h"
#include "io/http.h"

#include <stdlib.h>
#include <string.h>

#define ARENA ((size_t)128 << 20)

dr_status dr_hub_listing_init(dr_hub_listing *l)
{
    *l = (dr_hub_listing){0};
    return dr_arena_init(&l->arena, ARENA);
}

void dr_hub_listing_clear(dr_hub_listing *l)
{
    free(l->file);
    dr_arena_clear(&l->arena);
    *l = (dr_hub_listing){0};
}

/* Git itself allows none of these but control characters; a server that lists them is up to something. */
static dr_status check_path(const char *path, const char *repo)
{
    char shown[128];
    const char *fault = NULL;
    size_t n = strlen(path);
    if (n == 0 || n > DR_HUB_MAX_PATH)
        fault = "is empty or too long";
    else if (path[0] == '/')
        fault = "is absolute";
    for (const char *p = path; *p && !fault; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            fault = "holds a control character";
    for (const char *p = path; !fault; p++) {
        size_t part = strcspn(p, "/");
        if (part == 0 || (part == 1 && p[0] == '.') || (part == 2 && p[0] == '.' && p[1] == '.'))
            fault = "leads out of the folder";
        p += part;
        if (!*p)
            break;
    }
    if (!fault)
        return DR_OK;
    return dr_fail(DR_EINVAL, "cannot pull '%s': the server lists the name '%s', which %s; nothing was fetched", repo,
                   dr_printable(shown, sizeof shown, path), fault);
}

static bool copy_hex(char out[65], const char *hex, size_t n)
{
    if (strlen(hex) != n || strspn(hex, "0123456789abcdef") != n)
        return false;
    memcpy(out, hex, n + 1);
    return true;
}

/* {"type": "file", "path": ..., "size": ..., "oid": git blob id, "lfs": {"oid": sha256, "size": ...}} */
static dr_status read_file(dr_hub_listing *l, const json_t *e, const char *path, const char *repo, dr_hub_file *f)
{
    char where[160], shown[128];
    const json_t *lfs = json_object_get(e, "lfs"), *from = json_is_object(lfs) ? lfs : e;
    const char *oid;
    int64_t size;
    snprintf(where, sizeof where, "%s", dr_printable(shown, sizeof shown, path));
    dr_status st = dr_json_int(from, where, "size", -1, 0, (int64_t)DR_HUB_MAX_FILE, &size);
    if (!st)
        st = dr_json_string(from, where, "oid", "", &oid);
    if (!st && size < 0)
        st = dr_fail(DR_EINVAL, "'%s': \"size\" is missing", where);
    if (!st) {
        f->size = (uint64_t)size;
        f->kind = from == lfs ? DR_HUB_SHA256 : DR_HUB_GIT_SHA1;
        if (!copy_hex(f->hash, oid, from == lfs ? 64 : 40))
            st = dr_fail(DR_EINVAL, "'%s': \"oid\" is not a hash of %d hex digits", where, from == lfs ? 64 : 40);
    }
    if (st)
        return dr_fail_prefix(st, "cannot pull '%s': bad listing", repo);
    f->path = dr_arena_strdup(&l->arena, path);
    return f->path ? DR_OK : DR_ENOMEM;
}

static dr_status add_entry(dr_hub_listing *l, const json_t *e, const char *repo)
{
    const char *path = dr_json_text(e, "path");
    const char *type = dr_json_text(e, "type");
    if (!path || !type)
        return dr_fail(DR_EINVAL, "cannot pull '%s': bad listing: an entry has no \"path\" or no \"type\"", repo);
    if (++l->entries > DR_HUB_MAX_FILES)
        return dr_fail(DR_EINVAL, "cannot pull '%s': more than %d files", repo, DR_HUB_MAX_FILES);
    dr_status st = check_path(path, repo);
    if (st || strcmp(type, "file") != 0)
        return st;
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        dr_hub_file *more = realloc(l->file, cap * sizeof *more);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory");
        l->file = more;
        l->cap = cap;
    }
    st = read_file(l, e, path, repo, &l->file[l->count]);
    if (!st)
        l->count++;
    return st;
}

dr_status dr_hub_listing_add(dr_hub_listing *l, const char *json, size_t n, const char *repo)
{
    json_error_t err;
    char shown[JSON_ERROR_TEXT_LENGTH];
    json_t *page = json_loadb(json, n, JSON_REJECT_DUPLICATES, &err);
    if (!page && json_error_code(&err) == json_error_out_of_memory)
        return dr_fail(DR_ENOMEM, "out of memory");
    if (!page)
        return dr_fail(DR_EINVAL, "cannot pull '%s': the listing is not valid JSON at line %d: %s", repo, err.line,
                       dr_printable(shown, sizeof shown, err.text));
    dr_status st = DR_OK;
    if (!json_is_array(page))
        st = dr_fail(DR_EINVAL, "cannot pull '%s': the listing is not a list of files", repo);
    for (size_t i = 0; !st && i < json_array_size(page); i++)
        st = add_entry(l, json_array_get(page, i), repo);
    json_decref(page);
    return st;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const dr_hub_file *)a)->path, ((const dr_hub_file *)b)->path);
}

dr_status dr_hub_listing_finish(dr_hub_listing *l, const char *repo)
{
    char shown[128];
    if (l->count)
        qsort(l->file, l->count, sizeof *l->file, by_path);
    for (size_t i = 1; i < l->count; i++)
        if (strcmp(l->file[i - 1].path, l->file[i].path) == 0)
            return dr_fail(DR_EINVAL, "cannot pull '%s': the server lists '%s' twice", repo,
                           dr_printable(shown, sizeof shown, l->file[i].path));
    return DR_OK;
}

const dr_hub_file *dr_hub_listing_find(const dr_hub_listing *l, const char *path)
{
    dr_hub_file key = {.path = path};
    return l->count ? bsearch(&key, l->file, l->count, sizeof key, by_path) : NULL;
}
