/* Links with a delay and a bandwidth between network namespaces, by a program in the middle: for kernels without netem.
 *
 *     cmake --build build --target slow_link
 *     slow_link NAMESPACE NAMESPACE...            (as root; bench/links.py starts it and gives the devices addresses)
 *
 * Each namespace gets a TAP device `slow0`; frames go from one to the other as over a switch. A line "MS MBIT" on
 * standard input sets the delay of one way and the bandwidth of each direction, 0 for no limit, and is answered by the
 * bytes that each namespace has sent so far. What a link has no room for stays in the kernel's queue of the device, as
 * with a card. Without a limit frames still come through this program: that is slower than loopback. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PORTS 16
#define FRAME 2048
#define ON_THE_WIRE 24 /* bytes of a frame that no device shows: preamble, checksum, gap */
#define AHEAD 2e-4     /* seconds of frames that are taken before their turn: a sleep may be late by half of that */
#define BATCH 64       /* frames of one port before the others' turn */

typedef struct frame {
    struct frame *next;
    double due;
    size_t size;
    unsigned char data[FRAME];
} frame;

typedef struct port {
    int device;
    unsigned char address[6];  /* of the card behind it, from what it sent */
    double up_free, down_free; /* when either direction has sent what it took */
    frame *first, **last;      /* on the way to it, in the order of `due` */
    uint64_t sent;
} port;

static port ports[PORTS];
static int count;
static double delay, seconds_per_byte;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "slow_link: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_port(port *p, const char *name)
{
    char path[256];
    struct ifreq wanted = {.ifr_name = "slow0"};
    wanted.ifr_flags = IFF_TAP | IFF_NO_PI;
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET))
        die(path);
    close(space);
    p->device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (p->device < 0 || ioctl(p->device, TUNSETIFF, &wanted))
        die("/dev/net/tun");
    p->last = &p->first;
}

static void put(port *to, const unsigned char *data, size_t size, double arrives)
{
    frame *f = malloc(sizeof *f);
    if (!f)
        return; /* a network may lose what it has no room for */
    double last = to->down_free + (double)(size + ON_THE_WIRE) * seconds_per_byte;
    f->next = NULL;
    f->due = to->down_free = arrives > last ? arrives : last;
    f->size = size;
    memcpy(f->data, data, size);
    *to->last = f;
    to->last = &f->next;
}

/* To the card that it is for, or to all where that is not known. */
static void pass(port *from, const unsigned char *data, size_t size, double arrives)
{
    for (int i = 0; i < count; i++)
        if (&ports[i] != from && !memcmp(ports[i].address, data, 6)) {
            put(&ports[i], data, size, arrives);
            return;
        }
    for (int i = 0; i < count; i++)
        if (&ports[i] != from)
            put(&ports[i], data, size, arrives);
}

static void take(port *p)
{
    unsigned char data[FRAME];
    double t = now();
    for (int i = 0; i < BATCH && p->up_free <= t + AHEAD; i++) {
        ssize_t n = read(p->device, data, sizeof data);
        if (n < 14)
            return;
        memcpy(p->address, data + 6, 6);
        p->up_free = (p->up_free > t ? p->up_free : t) + (double)(n + ON_THE_WIRE) * seconds_per_byte;
        p->sent += (uint64_t)n;
        pass(p, data, (size_t)n, p->up_free + delay);
    }
}

static void deliver(port *p, double t)
{
    while (p->first && p->first->due <= t) {
        frame *f = p->first;
        if (write(p->device, f->data, f->size) < 0 && errno == EAGAIN)
            return;
        p->first = f->next;
        if (!p->first)
            p->last = &p->first;
        free(f);
    }
}

/* Returns 0 at the end of standard input. */
static int obey(void)
{
    char line[128];
    double ms, mbit;
    if (!fgets(line, sizeof line, stdin))
        return 0;
    if (sscanf(line, "%lf %lf", &ms, &mbit) == 2 && ms >= 0 && mbit >= 0) {
        delay = ms / 1e3;
        seconds_per_byte = mbit > 0 ? 8e-6 / mbit : 0;
        for (int i = 0; i < count; i++)
            ports[i].up_free = ports[i].down_free = 0;
    }
    for (int i = 0; i < count; i++)
        printf("%llu%c", (unsigned long long)ports[i].sent, i + 1 < count ? ' ' : '\n');
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    struct pollfd wait[PORTS + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    if (argc < 3 || argc > PORTS + 1) {
        fprintf(stderr, "usage: slow_link NAMESPACE NAMESPACE... (at most %d)\n", PORTS);
        return 2;
    }
    for (; count < argc - 1; count++)
        open_port(&ports[count], argv[count + 1]);
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll() sees every line */
    /* Others compute on all cores: a frame is not to wait for them. Without the right to that it is less exact. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    for (;;) {
        double t = now(), next = t + 1;
        for (int i = 0; i < count; i++) {
            port *p = &ports[i];
            deliver(p, t);
            int open = p->up_free <= t + AHEAD;
            wait[i + 1] = (struct pollfd){.fd = p->device, .events = open ? POLLIN : 0};
            if (!open && p->up_free - AHEAD / 2 < next)
                next = p->up_free - AHEAD / 2;
            if (p->first && p->first->due < next)
                next = p->first->due;
        }
        double left = next > t ? next - t : 0;
        struct timespec until = {(time_t)left, (long)(1e9 * (left - (double)(time_t)left))};
        if (ppoll(wait, (nfds_t)count + 1, &until, NULL) < 0 && errno != EINTR)
            die("ppoll");
        if (wait[0].revents && !obey())
            return 0;
        for (int i = 0; i < count; i++)
            if (wait[i + 1].revents & POLLIN)
                take(&ports[i]);
    }
}
