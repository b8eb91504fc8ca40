/* SPDX-License-Identifier: Apache-2.0 */
/* A host that calls from twenty threads, cancels some of the calls, and shows what was counted: the
 * counts that matter here, or "all" of them, or to whoever asks over HTTP. */
#include <mote/mote.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { N_THREADS = 20, N_CALLS = 10, CANCEL_EACH = 4, LIMIT_US = 60000000, PAUSE_NS = 1000000 };

struct worker {
    pthread_t thread;
    mote_sandbox *sandbox;
    int n_failed;
    bool is_cancelled;       /* its last call has no end of its own */
    atomic_bool is_spinning; /* a cancel now hits that call */
};

/* ---- Work ---- */

static void *work(void *context)
{
    struct worker *worker = context;
    for (uint32_t n = 0; n < N_CALLS; n++) {
        const mote_value arg = mote_u32(n);
        mote_status status =
            mote_call(worker->sandbox, "Square", &arg, 1, MOTE_TYPE_U32, NULL, NULL);
        worker->n_failed += status != MOTE_OK;
    }
    if (worker->is_cancelled) {
        atomic_store(&worker->is_spinning, true);
        mote_status status =
            mote_call(worker->sandbox, "Spin", NULL, 0, MOTE_TYPE_VOID, NULL, NULL);
        worker->n_failed += status != MOTE_OK;
        atomic_store(&worker->is_spinning, false);
    }
    return NULL;
}

/* A cancel that comes before its call has begun is lost: repeat it until the call has ended. */
static void cancel_call(struct worker *worker)
{
    const struct timespec pause = {0, PAUSE_NS};
    while (!atomic_load(&worker->is_spinning)) {
        nanosleep(&pause, NULL);
    }
    while (atomic_load(&worker->is_spinning)) {
        mote_sandbox_cancel(worker->sandbox);
        nanosleep(&pause, NULL);
    }
}

static int run_workers(struct worker *workers)
{
    int n_failed = 0;
    int n_started = 0;
    for (; n_started < N_THREADS; n_started++) {
        struct worker *worker = &workers[n_started];
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            break;
        }
    }
    for (int i = 0; i < n_started; i++) {
        if (i % CANCEL_EACH == 0) {
            cancel_call(&workers[i]);
        }
        pthread_join(workers[i].thread, NULL);
        n_failed += workers[i].n_failed;
    }
    fprintf(stderr, "%d threads ran, %d calls failed\n", n_started, n_failed);
    return n_started == N_THREADS ? 0 : 1;
}

static mote_status open_workers(const char *path, mote_metrics *metrics, struct worker *workers,
                                mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    config.metrics = metrics;
    config.time_limit_us = LIMIT_US;
    mote_image *image = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status != MOTE_OK) {
        return status;
    }
    for (int i = 0; i < N_THREADS && status == MOTE_OK; i++) {
        workers[i].is_cancelled = i % CANCEL_EACH == 0;
        status = mote_sandbox_create(image, &config, &workers[i].sandbox, err);
        if (status == MOTE_OK) {
            status = mote_sandbox_init(workers[i].sandbox, err);
        }
    }
    mote_image_unref(image);
    return status;
}

static int use_sandboxes(const char *path, mote_metrics *metrics)
{
    static struct worker workers[N_THREADS];
    mote_error err;
    int status = 1;
    if (open_workers(path, metrics, workers, &err) == MOTE_OK) {
        status = run_workers(workers);
    } else {
        fprintf(stderr, "open: %s\n", err.text);
    }
    for (int i = 0; i < N_THREADS; i++) {
        mote_sandbox_destroy(workers[i].sandbox);
    }
    return status;
}

/* ---- Showing ---- */

static const char *read_metrics(const mote_metrics *metrics)
{
    static char text[MOTE_METRICS_TEXT_BYTES];
    mote_error err;
    if (mote_metrics_prometheus(metrics, text, sizeof(text), NULL, &err) != MOTE_OK) {
        fprintf(stderr, "metrics: %s\n", err.text);
    }
    return text;
}

/* The lines that are the same each time. */
static void show_some(const char *text)
{
    static const char *const wanted[] = {
        "mote_sandboxes ",
        "mote_sandbox_creations_total{outcome=\"ok\"}",
        "mote_sandbox_destructions_total ",
        "mote_guest_function_calls_total{",
        "mote_guest_errors_total{",
        "mote_cancelled_guest_executions_total ",
    };
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) {
                printf("%.*s\n", (int)(strchr(line, '\n') - line), line);
            }
        }
    }
}

static int listen_at(uint16_t port, struct sockaddr_in *address)
{
    socklen_t len_bytes = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len_bytes) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len_bytes) != 0) {
        perror("listen");
        return -1;
    }
    return fd;
}

/* Whatever is asked, the answer is the metrics. */
static void answer(int fd, const mote_metrics *metrics)
{
    char request[4096];
    if (recv(fd, request, sizeof(request), 0) <= 0) {
        return;
    }
    const char *text = read_metrics(metrics);
    dprintf(fd,
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            strlen(text), text);
}

static int serve(const mote_metrics *metrics, const char *port)
{
    struct sockaddr_in address;
    int listener = listen_at((uint16_t)strtoul(port, NULL, 10), &address);
    if (listener < 0) {
        return 1;
    }
    printf("127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            answer(fd, metrics);
            close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: host GUEST [all | PORT]\n");
        return 2;
    }
    mote_error err;
    mote_metrics *metrics = NULL;
    if (mote_metrics_create(NULL, &metrics, &err) != MOTE_OK) {
        fprintf(stderr, "metrics: %s\n", err.text);
        return 1;
    }
    int status = use_sandboxes(argv[1], metrics);
    if (status == 0 && argc == 2) {
        show_some(read_metrics(metrics));
    } else if (status == 0 && strcmp(argv[2], "all") == 0) {
        fputs(read_metrics(metrics), stdout);
    } else if (status == 0) {
        status = serve(metrics, argv[2]);
    }
    mote_metrics_destroy(metrics);
    return status;
}
