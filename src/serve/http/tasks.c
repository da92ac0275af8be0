/* The threads behind those that serve connections: what takes long, and what waits for a job. */
#include "serve/http/exchange.h"

#include "base/threads.h"

/* The mutex is held. */
static void push(dr_server *v, dr_exchange *x)
{
    x->next = NULL;
    if (v->last_task)
        v->last_task->next = x;
    else
        v->first_task = x;
    v->last_task = x;
    pthread_cond_signal(&v->task);
}

bool dr_exchange_hand_over(dr_exchange *x)
{
    dr_server *v = x->server;
    pthread_mutex_lock(&v->mutex);
    bool ok = !v->closing;
    if (ok) {
        x->handed = true;
        MHD_suspend_connection(x->connection);
        push(v, x);
    }
    pthread_mutex_unlock(&v->mutex);
    return ok;
}

/* Waiting requests of a job (0: all) become tasks. The mutex is held. */
static void release(dr_server *v, int64_t job)
{
    for (dr_exchange **at = &v->waiting; *at;) {
        dr_exchange *x = *at;
        if (job != 0 && x->r.wait_for != job) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        x->finishing = true;
        push(v, x);
    }
}

void dr_server_job_over(dr_server *v, int64_t job)
{
    pthread_mutex_lock(&v->mutex);
    release(v, job);
    pthread_mutex_unlock(&v->mutex);
}

void dr_server_look_again(dr_server *v)
{
    enum { AT_ONCE = 64 };
    int64_t job[AT_ONCE];
    int n = 0;
    pthread_mutex_lock(&v->mutex);
    for (const dr_exchange *x = v->waiting; x && n < AT_ONCE; x = x->next)
        job[n++] = x->r.wait_for;
    pthread_mutex_unlock(&v->mutex);
    while (n-- > 0)
        if (v->o->is_over(v->o->studio, job[n]))
            dr_server_job_over(v, job[n]);
}

static void wait_for_job(dr_server *v, dr_exchange *x)
{
    int64_t job = x->r.wait_for; /* x may be gone when the mutex is let go */
    pthread_mutex_lock(&v->mutex);
    x->next = v->waiting;
    v->waiting = x;
    bool closing = v->closing;
    pthread_mutex_unlock(&v->mutex);
    if (closing || v->o->is_over(v->o->studio, job)) /* it ended before we waited */
        dr_server_job_over(v, job);
}

static void run_task(dr_server *v, dr_exchange *x)
{
    if (x->finishing) {
        x->r.wait_for = 0;
        x->r.finish(v->o->studio, &x->r);
    } else {
        x->route->handle(v->o->studio, &x->r);
    }
    if (x->r.wait_for) {
        wait_for_job(v, x);
        return;
    }
    x->ready = true;
    MHD_resume_connection(x->connection);
}

static void *run_tasks(void *user)
{
    dr_server *v = user;
    dr_set_threads(v->o->threads);
    pthread_mutex_lock(&v->mutex);
    for (;;) {
        dr_exchange *x = v->first_task;
        if (!x && v->closing)
            break;
        if (!x) {
            pthread_cond_wait(&v->task, &v->mutex);
            continue;
        }
        v->first_task = x->next;
        if (!v->first_task)
            v->last_task = NULL;
        pthread_mutex_unlock(&v->mutex);
        run_task(v, x);
        pthread_mutex_lock(&v->mutex);
    }
    pthread_mutex_unlock(&v->mutex);
    return NULL;
}

dr_status dr_tasks_start(dr_server *v)
{
    for (; v->threads < DR_TASK_THREADS; v->threads++)
        if (pthread_create(&v->thread[v->threads], NULL, run_tasks, v) != 0)
            return dr_fail(DR_ENOMEM, "cannot start a thread");
    return DR_OK;
}

void dr_tasks_close(dr_server *v)
{
    pthread_mutex_lock(&v->mutex);
    v->closing = true;
    release(v, 0);
    pthread_cond_broadcast(&v->task);
    pthread_mutex_unlock(&v->mutex);
}

void dr_tasks_join(dr_server *v)
{
    for (int i = 0; i < v->threads; i++)
        pthread_join(v->thread[i], NULL);
}
