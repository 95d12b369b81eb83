/* A host in C, with an epoll loop of its own. From the project's folder:
 *
 *     cargo build --release --example redis_c
 *     cc runtime/examples/redis/c/host.c -Ltarget/release/examples -lredis_c \
 *        -Wl,-rpath,$PWD/target/release/examples -o host
 *     ./host 127.0.0.1:6379
 *
 * Its loop waits for a timer of its own besides the library's descriptor. It checks
 * what it receives, on which thread, and that all memory has come back. Each request
 * has a limit on its time: a server that is silent ends it. */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "redis.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* Of all keys in here: a server that others use may be theirs, too. */
#define PREFIX "async-op:example:c:"

enum { REQUESTS = 1000, LIMIT = 5000 /* milliseconds */ };

static pthread_t here;
static long blocks, blocks_ever;
static int outstanding;
static int64_t last;
static bool is_memory_used_up;

static void *allocate(void *user_data, size_t size, size_t align) {
    (void)user_data;
    if (is_memory_used_up)
        return NULL;
    size_t rounded = (size + align - 1) / align * align;
    void *block = aligned_alloc(align, rounded);
    blocks += block != NULL;
    blocks_ever += block != NULL;
    return block;
}

static void release(void *user_data, void *block, size_t size, size_t align) {
    (void)user_data, (void)size, (void)align;
    blocks--;
    free(block);
}

/* Ends the program where a request has failed, and says how. */
static void check(const redis_result *result, int status) {
    CHECK(pthread_equal(pthread_self(), here));
    if (result->status == status)
        return;
    fprintf(stderr, "a request ended with status %d, not %d: %.*s\n", result->status, status,
            (int)result->len, result->data != NULL ? result->data : "");
    exit(1);
}

static void on_value(void *user_data, const redis_result *result) {
    const char *expected = user_data;
    check(result, REDIS_OK);
    CHECK(result->len == strlen(expected));
    CHECK(memcmp(result->data, expected, result->len) == 0);
    outstanding--;
}

static void on_number(void *user_data, const redis_result *result) {
    check(result, REDIS_OK);
    /* In the order in which they were asked for. */
    CHECK(result->integer == last + 1);
    last = result->integer;
    outstanding--;
    (void)user_data;
}

static void on_status(void *user_data, const redis_result *result) {
    check(result, (int)(intptr_t)user_data);
    outstanding--;
}

static void command(redis_connection *connection, const char *text, int timeout_ms,
                    redis_callback callback, void *user_data, redis_cancel *cancel) {
    const char *words[8];
    size_t lengths[8], count = 0;
    while (*text != '\0' && count < 8) {
        words[count] = text;
        lengths[count] = strcspn(text, " ");
        text += lengths[count++];
        text += *text == ' ';
    }
    CHECK(redis_command(connection, count, words, lengths, timeout_ms, callback,
                        user_data, cancel) == REDIS_OK);
    outstanding++;
}

static int threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = -2; /* . and .. */
    while (tasks != NULL && readdir(tasks) != NULL)
        count++;
    if (tasks != NULL)
        closedir(tasks);
    return count;
}

/* The host's loop. */
static int loop(redis_context *context, int poller, int timer) {
    int ticks = 0;
    while (outstanding > 0) {
        struct epoll_event events[4];
        int count = epoll_wait(poller, events, 4, redis_context_timeout(context));
        CHECK(count >= 0);
        for (int i = 0; i < count; i++) {
            uint64_t times;
            if (events[i].data.fd == timer && read(timer, &times, sizeof times) > 0)
                ticks += (int)times;
        }
        redis_context_poll(context);
    }
    return ticks;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "%s HOST:PORT, or the path of a socket, or a URL\n", argv[0]);
        return 2;
    }
    here = pthread_self();
    redis_allocator memory = {allocate, release, NULL};
    redis_context *context = redis_context_new(&memory);
    CHECK(context != NULL);
    char why[200];
    redis_connection *connection = redis_open(context, argv[1], why, sizeof why);
    if (connection == NULL) {
        /* Not the address: there may be a password in it. */
        fprintf(stderr, "%s\n", why);
        return 2;
    }

    int poller = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec every = {{0, 5000000}, {0, 5000000}};
    CHECK(timerfd_settime(timer, 0, &every, NULL) == 0);
    struct epoll_event ours = {.events = EPOLLIN, .data.fd = redis_context_fd(context)};
    struct epoll_event own = {.events = EPOLLIN, .data.fd = timer};
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, ours.data.fd, &ours) == 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, timer, &own) == 0);

    /* One after the other, and a pipeline. */
    command(connection, "SET " PREFIX "key value", LIMIT, on_value, "OK", NULL);
    CHECK(redis_get(connection, PREFIX "key", LIMIT, on_value, "value", NULL) == REDIS_OK);
    outstanding++;
    CHECK(redis_get(connection, PREFIX "none", LIMIT, on_status, (void *)REDIS_NIL, NULL) == REDIS_OK);
    outstanding++;
    command(connection, "INCR " PREFIX "key", LIMIT, on_status, (void *)(intptr_t)REDIS_REFUSED, NULL);
    command(connection, "DEL " PREFIX "n", LIMIT, on_status, (void *)REDIS_OK, NULL);
    for (int i = 0; i < REQUESTS; i++)
        command(connection, "INCR " PREFIX "n", LIMIT, on_number, NULL, NULL);
    CHECK(outstanding == REQUESTS + 5); /* never within the call */
    loop(context, poller, timer);
    CHECK(last == REQUESTS);

    /* Nobody pushes: one runs out of time, and one is cancelled. */
    redis_cancel *cancel = redis_cancel_new();
    command(connection, "BLPOP " PREFIX "list 0.1", 20, on_status, (void *)(intptr_t)REDIS_TIMED_OUT, NULL);
    command(connection, "BLPOP " PREFIX "list 0.1", LIMIT, on_status, (void *)(intptr_t)REDIS_CANCELLED, cancel);
    redis_cancel_emit(cancel);
    loop(context, poller, timer);
    redis_cancel_free(cancel);
    /* The connection has been kept, and goes on in order. */
    command(connection, "INCR " PREFIX "n", LIMIT, on_number, NULL, NULL);
    int ticks = loop(context, poller, timer);
    CHECK(last == REQUESTS + 1);
    CHECK(ticks > 5); /* the host's loop went on meanwhile */

    /* A request for which there is no memory is not started. */
    is_memory_used_up = true;
    CHECK(redis_get(connection, PREFIX "key", -1, on_value, "value", NULL) == REDIS_FAILED);
    CHECK(redis_get(connection, PREFIX "key", LIMIT, on_value, "value", NULL) == REDIS_FAILED);
    is_memory_used_up = false;
    command(connection, "DEL " PREFIX "key " PREFIX "n", LIMIT, on_status, (void *)REDIS_OK, NULL);
    loop(context, poller, timer);

    CHECK(threads() == 1);
    command(connection, "BLPOP " PREFIX "list 0", LIMIT, on_status, (void *)(intptr_t)REDIS_CANCELLED, NULL);
    redis_close(connection);
    loop(context, poller, timer);
    redis_context_free(context);
    CHECK(blocks == 0 && blocks_ever == REQUESTS + 10); /* one for each */
    close(poller);
    close(timer);
    printf("%ld blocks of the host's memory, all returned; 1 thread\n", blocks_ever);
    return 0;
}
