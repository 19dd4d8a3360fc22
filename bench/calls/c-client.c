/*
 * libvirt's own client under load: threads that ask for the host's name over one connection.
 *
 *   c-client URI THREADS MILLISECONDS      prints calls, wall time and CPU time, both in microseconds
 *
 * Loads libvirt.so.0 itself, so that its development files are not needed.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static char *(*get_hostname)(void *connection);
static void *connection;
static double deadline;

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static double cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void *ask_until_over(void *calls)
{
    while (microseconds() < deadline) {
        char *name = get_hostname(connection);
        if (!name)
            exit(1);
        free(name);
        ++*(long *)calls;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    void *library = dlopen("libvirt.so.0", RTLD_NOW);
    if (argc != 4 || !library)
        return 2;
    void *(*open_connection)(const char *) = (void *(*)(const char *))dlsym(library, "virConnectOpen");
    get_hostname = (char *(*)(void *))dlsym(library, "virConnectGetHostname");
    connection = open_connection(argv[1]);
    if (!connection)
        return 1;

    int threads = atoi(argv[2]);
    pthread_t ids[threads];
    long calls[threads][16]; /* a cache line each */
    double began = microseconds(), spent = cpu();
    long total = 0;
    deadline = began + atof(argv[3]) * 1000;
    for (int i = 0; i < threads; i++) {
        calls[i][0] = 0;
        pthread_create(&ids[i], NULL, ask_until_over, calls[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        total += calls[i][0];
    }
    printf("%ld %.0f %.0f\n", total, microseconds() - began, cpu() - spent);
    return 0;
}
