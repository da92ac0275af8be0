#include "io/hub_record.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

dr_status dr_hub_record_open(dr_hub_record *r, const char *dir)
{
    *r = (dr_hub_record){dr_path_new(dir, DR_HUB_RECORD), NULL};
    if (!r->path)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_json_load(r->path, &r->json);
    if (st == DR_ENOMEM) {
        dr_hub_record_close(r);
        return st;
    }
    if (st) /* none, or damaged: the files are hashed instead */
        dr_error_clear();
    if (st && !(r->json = json_object())) {
        dr_hub_record_close(r);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    return DR_OK;
}

void dr_hub_record_close(dr_hub_record *r)
{
    free(r->path);
    json_decref(r->json);
    *r = (dr_hub_record){0};
}

const char *dr_hub_record_get(const dr_hub_record *r, const char *key)
{
    const char *s = dr_json_text(r->json, key);
    return s ? s : "";
}

bool dr_hub_record_complete(const dr_hub_record *r)
{
    return dr_json_flag(r->json, "complete");
}

static json_t *entry_of(const dr_hub_record *r, const char *name)
{
    return json_object_get(json_object_get(r->json, "files"), name);
}

static void format_hash(char out[80], const dr_hub_file *f)
{
    snprintf(out, 80, "%s:%s", f->kind == DR_HUB_SHA256 ? "sha256" : "git-sha1", f->hash);
}

static bool format_time(char out[64], const char *path, uint64_t *size)
{
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return false;
    *size = (uint64_t)s.st_size;
    snprintf(out, 64, "%lld.%09ld", (long long)s.st_mtim.tv_sec, (long)s.st_mtim.tv_nsec);
    return true;
}

dr_status dr_hub_record_start(dr_hub_record *r, const char *repo, const char *revision, const char *commit,
                              const char *variant)
{
    json_t *files = json_object_get(r->json, "files");
    json_t *now =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "repo", repo, "revision", revision, "commit", commit, "variant",
                  variant, "complete", 0, "files", json_is_object(files) ? json_incref(files) : json_object());
    if (!now)
        return dr_fail(DR_ENOMEM, "out of memory");
    json_decref(r->json);
    r->json = now;
    return DR_OK;
}

dr_status dr_hub_record_add(dr_hub_record *r, const dr_hub_file *f, const char *path)
{
    char hash[80], mtime[64];
    uint64_t size;
    if (!format_time(mtime, path, &size))
        return dr_fail(DR_EIO, "'%s' is gone again", path);
    format_hash(hash, f);
    json_t *e = json_pack("{s:I, s:s, s:s}", "size", (json_int_t)size, "hash", hash, "mtime", mtime);
    if (!e || json_object_set_new(json_object_get(r->json, "files"), f->path, e) != 0)
        return dr_fail(DR_ENOMEM, "out of memory");
    return DR_OK;
}

dr_status dr_hub_record_save(const dr_hub_record *r)
{
    return dr_json_save(r->path, r->json);
}

dr_status dr_hub_record_finish(dr_hub_record *r, const dr_hub_choice *c)
{
    json_t *kept = json_object();
    int bad = !kept;
    for (size_t i = 0; !bad && i < c->count; i++)
        bad = json_object_set(kept, c->file[i]->path, entry_of(r, c->file[i]->path));
    if (bad) {
        json_decref(kept);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    if (json_object_set_new(r->json, "files", kept) || json_object_set_new(r->json, "complete", json_true()))
        return dr_fail(DR_ENOMEM, "out of memory");
    return dr_json_save(r->path, r->json);
}

bool dr_hub_record_untouched(const dr_hub_record *r, const char *name, const char *path)
{
    const json_t *e = entry_of(r, name);
    const char *mtime = dr_json_text(e, "mtime");
    char now[64];
    uint64_t size;
    return mtime && format_time(now, path, &size) && strcmp(now, mtime) == 0 &&
           (json_int_t)size == dr_json_whole(e, "size");
}

bool dr_hub_record_same(const dr_hub_record *r, const dr_hub_file *f)
{
    const json_t *e = entry_of(r, f->path);
    const char *noted = dr_json_text(e, "hash");
    char hash[80];
    format_hash(hash, f);
    return noted && strcmp(noted, hash) == 0 && dr_json_whole(e, "size") == (json_int_t)f->size;
}

dr_status dr_hub_record_choice(const dr_hub_record *r, dr_arena *a, dr_hub_choice *c)
{
    json_t *files = json_object_get(r->json, "files");
    size_t n = json_object_size(files);
    const char *name;
    json_t *e;
    dr_hub_file *file = dr_arena_zalloc(a, n * sizeof *file);
    *c = (dr_hub_choice){.file = dr_arena_alloc(a, n * sizeof *c->file)};
    if (!file || !c->file)
        return DR_ENOMEM;
    json_object_foreach(files, name, e)
    {
        const char *hash = dr_json_text(e, "hash");
        dr_hub_file *f = &file[c->count];
        char form[16];
        if (!hash || sscanf(hash, "%15[^:]:%64[0-9a-f]", form, f->hash) != 2)
            return dr_fail(DR_EINVAL, "'%s' is damaged; remove it and pull again", r->path);
        f->kind = strcmp(form, "sha256") == 0 ? DR_HUB_SHA256 : DR_HUB_GIT_SHA1;
        f->size = (uint64_t)dr_json_whole(e, "size");
        f->path = dr_arena_strdup(a, name);
        if (!f->path)
            return DR_ENOMEM;
        if (strcmp(name, "model_index.json") == 0)
            c->kind = DR_HUB_PIPELINE;
        c->file[c->count++] = f;
    }
    if (c->kind == DR_HUB_ANY)
        c->kind = DR_HUB_PARSER;
    return DR_OK;
}
