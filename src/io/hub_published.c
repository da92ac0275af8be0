#include "io/hub_published.h"

#include "base/file.h"
#include "base/progress.h"
#include "io/hub_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_MARGIN ((uint64_t)16 << 20)

typedef struct pull {
    dr_hub_options o;
    dr_hub_job j;
    const dr_published *list;
    dr_hub_file *file;
    dr_hub_state *state;
    size_t count;
    dr_progress bar;
} pull;

static void draw(void *user, const dr_hub_progress *at)
{
    dr_hub_draw(&((pull *)user)->bar, at);
}

static bool cancelled(void *user)
{
    const dr_hub_options *o = &((const pull *)user)->o;
    return o->cancelled && o->cancelled(o->user);
}

static void note(void *user, const char *text)
{
    dr_hub_tell(&((pull *)user)->j, text);
}

/* Every file, and then the room on the disk. */
static dr_status look(pull *p)
{
    uint64_t need = 0;
    for (size_t i = 0; i < p->count; i++) {
        dr_hub_file *f = &p->file[i];
        *f = (dr_hub_file){.path = p->list[i].path, .size = p->list[i].size, .kind = DR_HUB_SHA256};
        snprintf(f->hash, sizeof f->hash, "%s", p->list[i].sha256);
        dr_status st = dr_hub_look(&p->j, f, &p->state[i]);
        if (st)
            return st;
        if (p->state[i] == DR_HUB_SAME)
            continue;
        if (p->o.offline)
            return dr_fail(DR_ENET, "cannot pull '%s' offline: '%s/%s' is %s; unset HF_HUB_OFFLINE to fetch it",
                           p->o.repo, p->o.out_dir, f->path,
                           p->state[i] == DR_HUB_ABSENT ? "missing" : "not as it was published");
        if (p->state[i] == DR_HUB_FOREIGN && !p->o.overwrite)
            return dr_fail(
                DR_EINVAL,
                "'%s/%s' is there and is not the published file; if it is damaged remove it and pull again, if "
                "it is yours give another folder",
                p->o.out_dir, f->path);
        need += f->size - dr_hub_part_size(&p->j, f);
        p->j.at.total += f->size;
        p->j.at.count++;
    }
    uint64_t room = dr_disk_free(p->o.out_dir);
    if (need && room < need + DISK_MARGIN)
        return dr_fail(DR_EIO, "cannot pull '%s': %.1f GB are to be fetched, '%s' has room for %.1f GB", p->o.repo,
                       (double)need / 1e9, p->o.out_dir, (double)room / 1e9);
    return DR_OK;
}

/* Each from its own host. */
static dr_status fetch(pull *p, size_t i)
{
    const dr_http_options http = {.endpoint = p->list[i].base,
                                  .allow_plain = p->o.allow_plain,
                                  .tries = p->o.tries,
                                  .backoff_ms = p->o.backoff_ms,
                                  .stall_s = p->o.stall_s,
                                  .cancelled = cancelled,
                                  .note = note,
                                  .user = p};
    dr_status st = dr_http_open(&p->j.http, &http);
    if (st)
        return st;
    p->j.base = p->list[i].base;
    p->j.at.path = p->file[i].path;
    p->j.at.file_total = p->file[i].size;
    p->j.at.index++;
    st = dr_hub_fetch(&p->j, &p->file[i]);
    p->j.at.path = "";
    dr_http_close(p->j.http);
    p->j.http = NULL;
    return st && st != DR_ECANCELLED
               ? dr_fail_prefix(st, "cannot fetch '%s' from '%s'", p->file[i].path, p->list[i].base)
               : st;
}

static dr_status fetch_all(pull *p)
{
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < p->count; i++)
        if (p->state[i] != DR_HUB_SAME)
            st = fetch(p, i);
    if (st) {
        char why[1024]; /* saving sets its own message when it fails too */
        snprintf(why, sizeof why, "%s", dr_error());
        dr_hub_record_save(&p->j.record);
        return dr_fail(st, "%s", why);
    }
    return p->j.at.count ? dr_hub_record_save(&p->j.record) : DR_OK;
}

static dr_status run(pull *p)
{
    const dr_hub_options *o = &p->o;
    int lock = -1;
    dr_status st = o->offline ? DR_OK : dr_mkdirs(o->out_dir);
    if (!st && !o->offline)
        st = dr_hub_lock(o->out_dir, &lock);
    if (!st)
        st = dr_hub_record_open(&p->j.record, o->out_dir);
    if (!st && !o->offline)
        st = dr_hub_record_start(&p->j.record, o->repo, "published", "", "");
    if (!st)
        st = look(p);
    if (!st && !o->offline)
        st = fetch_all(p);
    dr_progress_end(&p->bar);
    if (lock >= 0)
        close(lock);
    return st;
}

dr_status dr_hub_pull_published(const dr_published *list, size_t n, const dr_hub_options *o, dr_hub_result *r)
{
    pull p = {.o = *o, .list = list, .count = n};
    p.o.tries = o->tries > 0 ? o->tries : 5;
    p.o.backoff_ms = o->backoff_ms > 0 ? o->backoff_ms : 1000;
    p.o.stall_s = o->stall_s > 0 ? o->stall_s : 30;
    p.j = (dr_hub_job){.o = &p.o, .dir = o->out_dir, .at.path = ""};
    p.j.progress = o->progress ? o->progress : o->quiet ? NULL : draw;
    p.j.progress_user = o->progress ? o->user : &p;
    p.file = calloc(n, sizeof *p.file);
    p.state = calloc(n, sizeof *p.state);
    dr_status st = p.file && p.state ? run(&p) : dr_fail(DR_ENOMEM, "out of memory");
    if (r)
        *r = (dr_hub_result){.files = (int)n, .fetched = st ? 0 : p.j.at.count, .bytes_fetched = p.j.fetched};
    if (r)
        snprintf(r->out_dir, sizeof r->out_dir, "%s", o->out_dir);
    dr_hub_record_close(&p.j.record);
    free(p.file);
    free(p.state);
    return st;
}
