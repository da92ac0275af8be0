/* Samplers and noise schedules by the names of the other world. */
#include "serve/a1111/a1111.h"

#include "base/choice.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *scheduler, *name, *aliases; /* aliases with '|' */
} samplers[] = {
    {"euler-a", "Euler a", "k_euler_a|k_euler_ancestral|euler_ancestral"},
    {"euler", "Euler", "k_euler"},
    {"lms", "LMS", "k_lms"},
    {"heun", "Heun", "k_heun"},
    {"dpm++2m", "DPM++ 2M", "k_dpmpp_2m|dpmpp_2m"},
    {"dpm++2m-sde", "DPM++ 2M SDE", "k_dpmpp_2m_sde|dpmpp_2m_sde"},
    {"ddim", "DDIM", "k_ddim"},
    {"ddpm", "DDPM", "k_ddpm"},
    {"pndm", "PLMS", "k_plms"},
    {"unipc", "UniPC", "uni_pc"},
    {"lcm", "LCM", "k_lcm"},
};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

static bool is_alias(const char *aliases, const char *name, size_t n)
{
    const char *alias;
    size_t length;
    while (dr_choice_next(&aliases, &alias, &length))
        if (length == n && strncasecmp(alias, name, n) == 0)
            return true;
    return false;
}

/* The noise schedules of the other world. Ours are three of them: the first two are what a sampler does by itself. */
static const struct {
    const char *name, *label;
} schedules[] = {{"automatic", "Automatic"},
                 {"uniform", "Uniform"},
                 {"karras", "Karras"},
                 {"exponential", "Exponential"},
                 {"polyexponential", "Polyexponential"},
                 {"sgm_uniform", "SGM Uniform"},
                 {"kl_optimal", "KL Optimal"},
                 {"align_your_steps", "Align Your Steps"},
                 {"simple", "Simple"},
                 {"normal", "Normal"},
                 {"ddim", "DDIM"},
                 {"beta", "Beta"}};
enum { SCHEDULES = sizeof schedules / sizeof *schedules, AUTOMATIC = 0, KARRAS = 2, OURS = 3 };

static int find_schedule(const char *name)
{
    for (int i = 0; i < SCHEDULES; i++)
        if (strcasecmp(schedules[i].name, name) == 0 || strcasecmp(schedules[i].label, name) == 0)
            return i;
    return -1;
}

/* The schedule that stands behind a sampler's name, "DPM++ 2M Karras"; *n is cut to the sampler's. */
static int schedule_behind(const char *sampler, size_t *n)
{
    for (int i = SCHEDULES - 1; i > 0; i--) /* "SGM Uniform" before "Uniform" */
        for (int k = 0; k < 2; k++) {
            const char *word = k ? schedules[i].name : schedules[i].label;
            size_t m = strlen(word);
            if (*n > m + 1 && sampler[*n - m - 1] == ' ' && strncasecmp(sampler + *n - m, word, m) == 0) {
                *n -= m + 1;
                return i;
            }
        }
    return AUTOMATIC;
}

static const char *find_sampler(const char *name, int *schedule)
{
    size_t n = strlen(name);
    *schedule = schedule_behind(name, &n);
    for (int i = 0; i < SAMPLERS; i++)
        if (is_alias(samplers[i].name, name, n) || is_alias(samplers[i].scheduler, name, n) ||
            is_alias(samplers[i].aliases, name, n))
            return samplers[i].scheduler;
    return NULL;
}

const char *dr_a1111_scheduler(const char *sampler, bool *karras)
{
    int schedule;
    const char *found = find_sampler(sampler, &schedule);
    *karras = schedule == KARRAS;
    return found;
}

const char *dr_a1111_sampler_name(const char *scheduler)
{
    for (int i = 0; i < SAMPLERS; i++)
        if (strcmp(samplers[i].scheduler, scheduler) == 0)
            return samplers[i].name;
    return scheduler;
}

void dr_a1111_samplers(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    (void)s;
    for (int i = 0; i < SAMPLERS; i++) {
        json_t *aliases = json_pack("[s]", samplers[i].scheduler);
        const char *at = samplers[i].aliases, *alias;
        size_t n;
        while (dr_choice_next(&at, &alias, &n))
            json_array_append_new(aliases, json_stringn(alias, n));
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:{}}", "name", samplers[i].name, "aliases", aliases, "options"));
    }
    dr_answer_json(&r->answer, 200, list);
}

void dr_a1111_schedulers(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    (void)s;
    for (int i = 0; i < OURS; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:f, s:b}", "name", schedules[i].name, "label",
                                              schedules[i].label, "aliases", "default_rho", i == KARRAS ? 7.0 : -1.0,
                                              "need_inner_model", 0));
    dr_answer_json(&r->answer, 200, list);
}

/* --- of a request -------------------------------------------------------------------------------- */

static dr_status refuse(char *field, const char *name, const char *why)
{
    snprintf(field, DR_FIELD_PATH, "%s", name);
    return dr_fail(DR_EINVAL, "%s: %s", name, why);
}

static bool has_karras(const char *scheduler)
{
    return dr_is_choice("euler|heun|lms|dpm++2m|dpm++2m-sde|unipc", scheduler);
}

static dr_status take_schedule(dr_img2img *q, int schedule, bool named, char *field)
{
    q->karras = schedule == KARRAS;
    if (schedule == AUTOMATIC && named) /* as the other program chooses */
        q->karras = dr_is_choice("dpm++2m|dpm++2m-sde", q->scheduler);
    if (dr_is_choice("ddim|pndm", q->scheduler)) { /* they have steps of their own, there as here */
        q->karras = false;
        return DR_OK;
    }
    if (schedule >= OURS)
        return refuse(field, "scheduler", "drape does not have this schedule; GET /sdapi/v1/schedulers lists them");
    if (q->karras && !has_karras(q->scheduler))
        return refuse(field, "scheduler", "this sampler has no Karras schedule");
    return DR_OK;
}

/* Without noise between the steps the samplers that draw some are those that draw none. */
static dr_status take_eta(dr_img2img *q, char *field)
{
    const json_t *eta = json_object_get(q->o, "eta");
    double v = json_number_value(eta);
    bool draws = dr_is_choice("euler-a|dpm++2m-sde", q->scheduler);
    if (!json_is_number(eta))
        return DR_OK;
    if (strcmp(q->scheduler, "ddim") == 0)
        q->eta = v;
    else if (draws && v == 0)
        q->scheduler = strcmp(q->scheduler, "euler-a") == 0 ? "euler" : "dpm++2m";
    else if (draws && v != 1)
        return refuse(field, "eta", "must be 0 or 1 for this sampler");
    return DR_OK; /* others have no use for it */
}

dr_status dr_a1111_take_sampler(dr_img2img *q, char *field)
{
    const char *name = dr_json_text(q->o, "sampler_name");
    const char *noise = dr_json_text(q->o, "scheduler");
    int behind = AUTOMATIC, schedule = noise && noise[0] ? find_schedule(noise) : AUTOMATIC;
    name = name && name[0] ? name : dr_json_text(q->o, "sampler_index");
    bool named = name && name[0];
    q->sampler_open = q->preset && !named && schedule == AUTOMATIC;
    q->scheduler = named ? find_sampler(name, &behind) : q->model->scheduler;
    if (!q->scheduler)
        return refuse(field, "sampler_name", "there is no such sampler; GET /sdapi/v1/samplers lists them");
    if (schedule < 0)
        return refuse(field, "scheduler", "there is no such schedule; GET /sdapi/v1/schedulers lists them");
    /* the one behind the name counts, as there */
    dr_status st = take_schedule(q, behind ? behind : schedule, named, field);
    return st ? st : take_eta(q, field);
}
