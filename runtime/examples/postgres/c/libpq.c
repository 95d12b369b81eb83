/* What libpq does in its pipeline mode: a contestant of `-- compare`, which compiles it.
 *
 *     cc -O2 libpq.c -I"$(pg_config --includedir)" -lpq -o libpq
 *     echo 1000 | ./libpq postgres://me@localhost/me 64 each
 *
 * Asks for as many milliseconds as each line of its input says, so many queries at once, with
 * a PQpipelineSync after `each` or, with `batch`, after those that are asked together; prints
 * how many queries, seconds, seconds of processors, times that it went to sleep, allocations. */
#define _GNU_SOURCE

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <libpq-fe.h>

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition,  \
                    conn != NULL ? PQerrorMessage(conn) : "");                  \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* Those of libpq, too, as it finds these before the system's. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
static long allocations;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    allocations++;
    return __libc_realloc(block, size);
}

static PGconn *conn;
static bool syncs_each;
static long sent, answered, syncs_due;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sync_now(void) {
    CHECK(PQpipelineSync(conn));
    syncs_due++;
}

static void ask(void) {
    char text[24];
    const char *values[] = {text};
    snprintf(text, sizeof text, "%ld", sent);
    CHECK(PQsendQueryPrepared(conn, "s", 1, values, NULL, NULL, 0));
    sent++;
    if (syncs_each)
        sync_now();
}

/* Takes all results that are here; asks anew for each until the time is over. */
static void take(double until) {
    long before = sent;
    while ((answered < sent || syncs_due > 0) && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (result == NULL)
            continue; /* between one query and the next */
        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
            CHECK(atol(PQgetvalue(result, 0, 0)) == answered + 1);
            answered++;
            if (now() < until)
                ask();
            break;
        case PGRES_PIPELINE_SYNC:
            syncs_due--;
            break;
        default:
            CHECK(!"a result of another kind");
        }
        PQclear(result);
    }
    if (!syncs_each && sent > before)
        sync_now();
}

static void contest(int callers, double until) {
    sent = answered = 0;
    for (int i = 0; i < callers; i++)
        ask();
    if (!syncs_each)
        sync_now();
    while (answered < sent || syncs_due > 0) {
        struct pollfd descriptor = {.fd = PQsocket(conn), .events = POLLIN};
        int is_left = PQflush(conn);
        CHECK(is_left >= 0);
        if (is_left)
            descriptor.events |= POLLOUT;
        CHECK(poll(&descriptor, 1, -1) > 0);
        CHECK(PQconsumeInput(conn));
        take(until);
    }
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    int callers = atoi(argv[2]);
    syncs_each = strcmp(argv[3], "each") == 0;
    conn = PQconnectdb(argv[1]);
    CHECK(PQstatus(conn) == CONNECTION_OK);
    PGresult *prepared = PQprepare(conn, "s", "select $1::int4 + 1", 0, NULL);
    CHECK(PQresultStatus(prepared) == PGRES_COMMAND_OK);
    PQclear(prepared);
    CHECK(PQenterPipelineMode(conn) && PQsetnonblocking(conn, 1) == 0);
    int milliseconds;
    while (scanf("%d", &milliseconds) == 1) {
        struct rusage before, after;
        long allocated = allocations;
        double start = now();
        getrusage(RUSAGE_SELF, &before);
        contest(callers, start + milliseconds / 1e3);
        getrusage(RUSAGE_SELF, &after);
        double cpu = seconds(after.ru_utime) + seconds(after.ru_stime)
            - seconds(before.ru_utime) - seconds(before.ru_stime);
        printf("%ld %.6f %.6f %ld %ld\n", answered, now() - start, cpu,
               after.ru_nvcsw - before.ru_nvcsw, allocations - allocated);
        fflush(stdout);
    }
    PQfinish(conn);
    return 0;
}
