#include "io/hub.h"

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "io/hub_fetch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MAX_PAGE ((size_t)32 << 20) /* bytes of one page of a listing */
#define MAX_PAGES 200
#define DISK_MARGIN ((uint64_t)16 << 20)

typedef struct pull {
    dr_hub_options o; /* defaults filled in, strings cleaned */
    dr_hub_listing l; /* its arena holds the strings of the pull as well */
    dr_hub_choice c;
    dr_hub_state *state; /* of each chosen file */
    const char *commit;
    dr_hub_job j;
    dr_progress bar;
    int lock; /* descriptor of out_dir, -1 */
} pull;

void dr_hub_options_from_env(dr_hub_options *o)
{
    const char *token = getenv("HF_TOKEN"), *endpoint = getenv("HF_ENDPOINT"), *offline = getenv("HF_HUB_OFFLINE");
    if (!token || !token[0])
        token = getenv("HUGGING_FACE_HUB_TOKEN");
    if (token && token[0])
        o->token = token;
    if (endpoint && endpoint[0])
        o->endpoint = endpoint;
    if (offline && (strcmp(offline, "1") == 0 || strcasecmp(offline, "on") == 0 || strcasecmp(offline, "yes") == 0 ||
                    strcasecmp(offline, "true") == 0))
        o->offline = true;
}

/* --- options ----------------------------------------------------------------------------------------- */

static bool only(const char *s, const char *extra, size_t min, size_t max)
{
    size_t n = 0;
    for (; s[n]; n++)
        if (!(isalnum((unsigned char)s[n]) && (unsigned char)s[n] < 128) && !strchr(extra, s[n]))
            return false;
    return n >= min && n <= max;
}

/* The hub's own rules: letters, digits and -_. in both parts, neither "--" nor "..", no part begins with - or . */
static dr_status check_repo(const char *repo)
{
    char shown[160];
    const char *slash = repo ? strchr(repo, '/') : NULL;
    if (slash && slash > repo && slash[1] && only(repo, "-_./", 3, 128) && !strchr(slash + 1, '/') &&
        !strstr(repo, "--") && !strstr(repo, "..") && isalnum((unsigned char)repo[0]) &&
        (isalnum((unsigned char)slash[1]) || slash[1] == '_'))
        return DR_OK;
    return dr_fail(DR_EINVAL,
                   "'%s' is not a repo name: it must read ORG/NAME, as stabilityai/stable-diffusion-2-inpainting",
                   dr_printable(shown, sizeof shown, repo ? repo : ""));
}

static dr_status check_revision(const char *revision)
{
    char shown[160];
    if (only(revision, "-_./+", 1, 255) && !strstr(revision, "..") && revision[0] != '-' && revision[0] != '/')
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is not a revision: it must be a branch, a tag, a commit or refs/pr/NUMBER",
                   dr_printable(shown, sizeof shown, revision));
}

static char *trimmed(dr_arena *a, const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *t = dr_arena_strdup(a, s);
    for (size_t n = t ? strlen(t) : 0; n && isspace((unsigned char)t[n - 1]);)
        t[--n] = 0;
    return t;
}

static dr_status set_options(pull *p, const dr_hub_options *given)
{
    dr_hub_options *o = &p->o;
    char shown[64];
    *o = *given;
    dr_status st = check_repo(o->repo);
    if (!o->revision || !o->revision[0])
        o->revision = "main";
    if (!st)
        st = check_revision(o->revision);
    if (!o->variant)
        o->variant = "";
    if (!st && !only(o->variant, "_-", 0, 32))
        st = dr_fail(DR_EINVAL, "'%s' is not a variant: it must be letters and digits, as fp16",
                     dr_printable(shown, sizeof shown, o->variant));
    if (st)
        return st;
    if (!o->out_dir || !o->out_dir[0])
        o->out_dir = strrchr(o->repo, '/') + 1;
    if (strlen(o->out_dir) >= sizeof((dr_hub_result *)0)->out_dir)
        return dr_fail(DR_EINVAL, "the name of the folder to pull into is too long");
    char *endpoint = trimmed(&p->l.arena, o->endpoint && o->endpoint[0] ? o->endpoint : DR_HUB_ENDPOINT);
    char *token = trimmed(&p->l.arena, o->token ? o->token : "");
    if (!endpoint || !token)
        return DR_ENOMEM;
    for (size_t n = strlen(endpoint); n && endpoint[n - 1] == '/';)
        endpoint[--n] = 0;
    o->endpoint = endpoint;
    o->token = token[0] ? token : NULL;
    o->tries = o->tries > 0 ? o->tries : 5;
    o->backoff_ms = o->backoff_ms > 0 ? o->backoff_ms : 1000;
    o->stall_s = o->stall_s > 0 ? o->stall_s : 30;
    return DR_OK;
}

/* --- callbacks ----------------------------------------------------------------------------------------- */

static void draw_bar(void *user, const dr_hub_progress *at)
{
    dr_hub_draw(&((pull *)user)->bar, at);
}

static bool http_cancelled(void *user)
{
    const dr_hub_options *o = ((const pull *)user)->j.o;
    return o->cancelled && o->cancelled(o->user);
}

static void http_note(void *user, const char *text)
{
    dr_hub_tell(&((pull *)user)->j, text);
}

/* --- the listing --------------------------------------------------------------------------------------- */

static dr_status get_text(pull *p, const char *url, char **text, size_t *n, dr_http_reply *r)
{
    if (!url)
        return DR_ENOMEM;
    dr_status st = dr_http_text(p->j.http, url, MAX_PAGE, text, n, r);
    if (st == DR_ENET && r->status == 404)
        st = dr_fail(DR_ENOENT, "%s: there is no repo '%s', or it has no revision '%s'", dr_error(), p->o.repo,
                     p->o.revision);
    else if (st)
        st = dr_hub_explain(&p->j, st, r);
    return st && st != DR_ECANCELLED ? dr_fail_prefix(st, "cannot list '%s'", p->o.repo) : st;
}

/* The commit that the revision stands for now. */
static dr_status pin(pull *p)
{
    char encoded[3 * 255 + 1], *at = encoded, *text;
    size_t n;
    json_t *info;
    const char *sha;
    dr_http_reply r;
    for (const char *s = p->o.revision; *s; s++) /* "refs/pr/1" is one part of the path */
        at += *s == '/' || *s == '+' ? sprintf(at, "%%%02X", (unsigned)*s) : sprintf(at, "%c", *s);
    dr_status st =
        get_text(p, dr_arena_printf(&p->l.arena, "%s/api/models/%s/revision/%s", p->o.endpoint, p->o.repo, encoded),
                 &text, &n, &r);
    if (st)
        return st;
    st = dr_json_parse(text, n, p->o.repo, &info);
    free(text);
    if (st)
        return dr_fail(st, "cannot list '%s': '%s' does not answer as a Hugging Face hub does", p->o.repo,
                       p->o.endpoint);
    st = dr_json_string(info, p->o.repo, "sha", "", &sha);
    size_t length = st ? 0 : strlen(sha);
    if (!st && ((length != 40 && length != 64) || strspn(sha, "0123456789abcdef") != length))
        st = dr_fail(DR_EINVAL, "cannot list '%s': the server names no commit for revision '%s'", p->o.repo,
                     p->o.revision);
    if (!st && !(p->commit = dr_arena_strdup(&p->l.arena, sha)))
        st = DR_ENOMEM;
    json_decref(info);
    return st;
}

static dr_status list(pull *p)
{
    const char *url =
        dr_arena_printf(&p->l.arena, "%s/api/models/%s/tree/%s?recursive=true", p->o.endpoint, p->o.repo, p->commit);
    for (int page = 1;; page++) {
        char *text;
        size_t n;
        dr_http_reply r;
        dr_status st = get_text(p, url, &text, &n, &r);
        if (st)
            return st;
        st = dr_hub_listing_add(&p->l, text, n, p->o.repo);
        free(text);
        if (st)
            return st;
        if (!r.next[0])
            return dr_hub_listing_finish(&p->l, p->o.repo);
        if (page == MAX_PAGES)
            return dr_fail(DR_EINVAL, "cannot list '%s': more than %d pages", p->o.repo, MAX_PAGES);
        url = dr_arena_strdup(&p->l.arena, r.next);
    }
}

/* --- the folder ------------------------------------------------------------------------------------------ */

static dr_status open_record(pull *p)
{
    dr_status st = dr_hub_record_open(&p->j.record, p->o.out_dir);
    if (st)
        return st;
    const char *held = dr_hub_record_get(&p->j.record, "repo");
    if (held[0] && strcmp(held, p->o.repo) != 0 && !p->o.overwrite) {
        char shown[160];
        return dr_fail(DR_EINVAL, "'%s' holds a pull of '%s', not of '%s'; give another folder", p->o.out_dir,
                       dr_printable(shown, sizeof shown, held), p->o.repo);
    }
    return dr_hub_record_start(&p->j.record, p->o.repo, p->o.revision, p->commit, p->o.variant);
}

/* Looks at every chosen file, then at the room on the disk. */
static dr_status look(pull *p)
{
    uint64_t need = 0, room;
    p->state = dr_arena_zalloc(&p->l.arena, p->c.count * sizeof *p->state);
    if (!p->state)
        return DR_ENOMEM;
    for (size_t i = 0; i < p->c.count; i++) {
        const dr_hub_file *f = p->c.file[i];
        dr_status st = dr_hub_look(&p->j, f, &p->state[i]);
        if (st)
            return st;
        if (p->state[i] == DR_HUB_FOREIGN && !p->o.overwrite)
            return dr_fail(
                DR_EINVAL,
                "'%s/%s' is there and is not the file of '%s'; if it is damaged remove it and pull again, if "
                "it is yours give another folder",
                p->o.out_dir, f->path, p->o.repo);
        if (p->state[i] == DR_HUB_SAME)
            continue;
        need += f->size - dr_hub_part_size(&p->j, f);
        p->j.at.total += f->size;
        p->j.at.count++;
    }
    room = dr_disk_free(p->o.out_dir);
    if (need && room < need + DISK_MARGIN)
        return dr_fail(DR_EIO, "cannot pull '%s': %.1f GB are to be fetched, '%s' has room for %.1f GB", p->o.repo,
                       (double)need / 1e9, p->o.out_dir, (double)room / 1e9);
    return DR_OK;
}

/* Models of other kinds have the same files; better said before their gigabytes are here. */
static dr_status check_unet(const pull *p)
{
    json_t *config;
    int64_t channels;
    char *path = dr_hub_place(&p->j, "unet/config.json", "");
    if (!path)
        return DR_ENOMEM;
    dr_status st = dr_json_load(path, &config);
    if (!st) {
        st = dr_json_int(config, path, "in_channels", 4, 1, 1024, &channels);
        json_decref(config);
        if (!st && channels != 9 && channels != 4)
            st = dr_fail(DR_EINVAL,
                         "cannot pull '%s': its UNet takes %lld channels, expected 9 (inpainting) or 4 (text-to-image)",
                         p->o.repo, (long long)channels);
    }
    free(path);
    return st;
}

/* Nearly every model has a config.json. */
static dr_status check_parser(const pull *p)
{
    json_t *config;
    const char *type;
    char *path = dr_hub_place(&p->j, "config.json", "");
    if (!path)
        return DR_ENOMEM;
    dr_status st = dr_json_load(path, &config);
    if (!st) {
        st = dr_json_string(config, path, "model_type", "", &type);
        if (!st && strcmp(type, "segformer") != 0 && strcmp(type, "drape_clothes_net") != 0 &&
            strcmp(type, "clip") != 0 && strcmp(type, "clip_vision_model") != 0)
            st = dr_fail(DR_EINVAL,
                         "cannot pull '%s': its \"model_type\" is \"%.64s\", expected segformer or clip: it is neither "
                         "a clothes parser nor a CLIP",
                         p->o.repo, type);
        json_decref(config);
    }
    free(path);
    return st;
}

static dr_status fetch_one(pull *p, const dr_hub_file *f, dr_hub_state state)
{
    dr_status st = DR_OK;
    if (state != DR_HUB_SAME) {
        p->j.at.path = f->path;
        p->j.at.file_total = f->size;
        p->j.at.index++;
        st = dr_hub_fetch(&p->j, f);
        p->j.at.path = "";
        if (st && st != DR_ECANCELLED)
            return dr_fail_prefix(st, "cannot fetch '%s' of '%s'", f->path, p->o.repo);
    }
    if (!st && strcmp(f->path, "config.json") == 0 && p->c.kind == DR_HUB_PARSER)
        st = check_parser(p);
    return !st && strcmp(f->path, "unet/config.json") == 0 ? check_unet(p) : st;
}

/* The caller's look at what came so far. */
static dr_status check_small(const pull *p)
{
    const dr_hub_options *o = &p->o;
    dr_status st = o->check ? o->check(o->user, p->c.kind, o->out_dir) : DR_OK;
    return st ? dr_fail_prefix(st, "cannot pull '%s': drape could not use it", o->repo) : DR_OK;
}

static dr_status fetch_all(pull *p)
{
    dr_status st = DR_OK;
    bool checked = false;
    for (size_t i = 0; !st && i < p->c.count; i++) {
        if (!checked && dr_hub_is_weights(p->c.file[i])) {
            checked = true;
            st = check_small(p);
        }
        if (!st)
            st = fetch_one(p, p->c.file[i], p->state[i]);
    }
    if (st) {
        char why[1024]; /* saving sets its own message when it fails too, on a full disk above all */
        snprintf(why, sizeof why, "%s", dr_error());
        dr_hub_record_save(&p->j.record);
        return dr_fail(st, "%s", why);
    }
    st = dr_hub_record_finish(&p->j.record, &p->c);
    if (st != DR_EIO || p->j.at.count)
        return st;
    dr_error_clear(); /* all was there, in a folder that we may not write to */
    return DR_OK;
}

/* --- the pull -------------------------------------------------------------------------------------------- */

static dr_status pull_online(pull *p)
{
    const dr_hub_options *o = &p->o;
    dr_http_options http = {.endpoint = o->endpoint,
                            .token = o->token,
                            .allow_plain = o->allow_plain,
                            .tries = o->tries,
                            .backoff_ms = o->backoff_ms,
                            .stall_s = o->stall_s,
                            .cancelled = http_cancelled,
                            .note = http_note,
                            .user = p};
    dr_status st = dr_http_open(&p->j.http, &http);
    if (!st)
        st = pin(p);
    if (!st)
        st = list(p);
    if (!st)
        st = dr_hub_choose(&p->l, o->repo, o->kind, o->variant, &p->c);
    if (!st && !(p->j.base = dr_arena_printf(&p->l.arena, "%s/%s/resolve/%s", o->endpoint, o->repo, p->commit)))
        st = DR_ENOMEM;
    if (!st)
        st = dr_mkdirs(o->out_dir);
    if (!st)
        st = dr_hub_lock(o->out_dir, &p->lock);
    if (!st)
        st = open_record(p);
    if (!st)
        st = look(p);
    return st ? st : fetch_all(p);
}

static dr_status pull_offline(pull *p)
{
    dr_hub_record *r = &p->j.record;
    const dr_hub_options *o = &p->o;
    dr_status st = dr_hub_record_open(r, o->out_dir);
    if (st)
        return st;
    bool held = dr_hub_record_complete(r) && strcmp(dr_hub_record_get(r, "repo"), o->repo) == 0 &&
                strcmp(dr_hub_record_get(r, "variant"), o->variant) == 0 &&
                (strcmp(dr_hub_record_get(r, "revision"), o->revision) == 0 ||
                 strcmp(dr_hub_record_get(r, "commit"), o->revision) == 0);
    if (!held)
        return dr_fail(
            DR_ENET,
            "cannot pull '%s' offline: '%s' holds no complete pull of revision '%s'; unset HF_HUB_OFFLINE to "
            "fetch it",
            o->repo, o->out_dir, o->revision);
    p->commit = dr_arena_strdup(&p->l.arena, dr_hub_record_get(r, "commit"));
    st = p->commit ? dr_hub_record_choice(r, &p->l.arena, &p->c) : DR_ENOMEM;
    for (size_t i = 0; !st && i < p->c.count; i++) {
        dr_hub_state state;
        st = dr_hub_look(&p->j, p->c.file[i], &state);
        if (!st && state != DR_HUB_SAME)
            st = dr_fail(DR_ENET, "cannot pull '%s' offline: '%s/%s' is %s; unset HF_HUB_OFFLINE to fetch it", o->repo,
                         o->out_dir, p->c.file[i]->path, state == DR_HUB_ABSENT ? "missing" : "not as it was pulled");
    }
    return st;
}

static void fill_result(const pull *p, dr_hub_result *r)
{
    *r = (dr_hub_result){.kind = p->c.kind,
                         .files = (int)p->c.count,
                         .fetched = p->o.offline ? 0 : p->j.at.count,
                         .bytes_fetched = p->j.fetched};
    snprintf(r->commit, sizeof r->commit, "%s", p->commit);
    snprintf(r->out_dir, sizeof r->out_dir, "%s", p->o.out_dir);
}

dr_status dr_hub_pull(const dr_hub_options *o, dr_hub_result *r)
{
    pull p = {.lock = -1};
    if (r)
        *r = (dr_hub_result){0};
    dr_status st = dr_hub_listing_init(&p.l);
    if (!st)
        st = set_options(&p, o);
    if (!st) {
        p.j = (dr_hub_job){.o = &p.o, .dir = p.o.out_dir, .at.path = ""};
        p.j.progress = o->progress ? o->progress : o->quiet ? NULL : draw_bar;
        p.j.progress_user = o->progress ? o->user : &p;
        st = p.o.offline ? pull_offline(&p) : pull_online(&p);
        dr_progress_end(&p.bar);
    }
    if (!st && r)
        fill_result(&p, r);
    dr_hub_record_close(&p.j.record);
    dr_http_close(p.j.http);
    if (p.lock >= 0)
        close(p.lock);
    dr_hub_listing_clear(&p.l);
    return st;
}
