/* A host in C, with an epoll loop of its own. From the project's folder:
 *
 *     cargo build --release --example redis_c
 *     cc runtime/examples/redis/c/host.c -Ltarget/release/examples -lredis_c \
 *        -Wl,-rpath,$PWD/target/release/examples -o host
 *     ./host 127.0.0.1:6379
 *
 * Its loop waits for a timer of its own besides the library's descriptor. It checks
 * what it receives, on which thread, and that all memory has come back. */
#include <dirent.h>
#include <pthread.h>
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

enum { REQUESTS = 1000 };

static pthread_t here;
static long blocks, blocks_ever;
static int outstanding;
static int64_t last;

static void *allocate(void *user_data, size_t size, size_t align) {
    (void)user_data;
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

static void on_value(void *user_data, const redis_result *result) {
    CHECK(pthread_equal(pthread_self(), here));
    const char *expected = user_data;
    CHECK(result->status == REDIS_OK);
    CHECK(result->len == strlen(expected));
    CHECK(memcmp(result->data, expected, result->len) == 0);
    outstanding--;
}

static void on_number(void *user_data, const redis_result *result) {
    CHECK(pthread_equal(pthread_self(), here));
    CHECK(result->status == REDIS_OK);
    /* In the order in which they were asked for. */
    CHECK(result->integer == last + 1);
    last = result->integer;
    outstanding--;
    (void)user_data;
}

static void on_status(void *user_data, const redis_result *result) {
    CHECK(pthread_equal(pthread_self(), here));
    CHECK(result->status == (int)(intptr_t)user_data);
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
static int loop(const redis_context *context, int poller, int timer) {
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
    CHECK(argc == 2);
    here = pthread_self();
    redis_allocator memory = {allocate, release, NULL};
    redis_context *context = redis_context_new(&memory);
    CHECK(context != NULL);
    redis_connection *connection = redis_open(context, argv[1]);
    CHECK(connection != NULL);

    int poller = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec every = {{0, 5000000}, {0, 5000000}};
    CHECK(timerfd_settime(timer, 0, &every, NULL) == 0);
    struct epoll_event ours = {.events = EPOLLIN, .data.fd = redis_context_fd(context)};
    struct epoll_event own = {.events = EPOLLIN, .data.fd = timer};
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, ours.data.fd, &ours) == 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, timer, &own) == 0);

    /* One after the other, and a pipeline. */
    command(connection, "SET c:key value", -1, on_value, "OK", NULL);
    CHECK(redis_get(connection, "c:key", 1000, on_value, "value", NULL) == REDIS_OK);
    outstanding++;
    CHECK(redis_get(connection, "c:none", -1, on_status, (void *)REDIS_NIL, NULL) == REDIS_OK);
    outstanding++;
    command(connection, "INCR c:key", -1, on_status, (void *)(intptr_t)REDIS_REFUSED, NULL);
    command(connection, "DEL c:n", -1, on_status, (void *)REDIS_OK, NULL);
    for (int i = 0; i < REQUESTS; i++)
        command(connection, "INCR c:n", -1, on_number, NULL, NULL);
    CHECK(outstanding == REQUESTS + 5); /* never within the call */
    loop(context, poller, timer);
    CHECK(last == REQUESTS);

    /* Nobody pushes: one runs out of time, and one is cancelled. */
    redis_cancel *cancel = redis_cancel_new();
    command(connection, "BLPOP c:list 0.1", 20, on_status, (void *)(intptr_t)REDIS_TIMED_OUT, NULL);
    command(connection, "BLPOP c:list 0.1", -1, on_status, (void *)(intptr_t)REDIS_CANCELLED, cancel);
    redis_cancel_emit(cancel);
    loop(context, poller, timer);
    redis_cancel_free(cancel);
    /* The connection has been kept, and goes on in order. */
    command(connection, "INCR c:n", -1, on_number, NULL, NULL);
    int ticks = loop(context, poller, timer);
    CHECK(last == REQUESTS + 1);
    CHECK(ticks > 5); /* the host's loop went on meanwhile */

    CHECK(threads() == 1);
    command(connection, "BLPOP c:list 0", -1, on_status, (void *)(intptr_t)REDIS_CANCELLED, NULL);
    redis_close(connection);
    loop(context, poller, timer);
    redis_context_free(context);
    CHECK(blocks == 0 && blocks_ever > REQUESTS);
    close(poller);
    close(timer);
    printf("%ld blocks of the host's memory, all returned; 1 thread\n", blocks_ever);
    return 0;
}
