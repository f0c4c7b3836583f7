/* fuzz_config.c: any octets as a configuration file. What is accepted must
 * be accepted again as it is printed. */
#include "fuzz.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

const char fuzzName[] = "config";

/* Instead of the library's: nobody is to be asked for names that octets at
 * random happen to spell. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **found)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)found;
    return EAI_NONAME;
}

static void
onMessage(ConfigSeverity severity, const char *text, void *data)
{
    size_t *octets = data;

    (void)severity;
    *octets += strlen(text);
}

static Config *
load(const void *data, size_t size)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    char path[64];
    size_t octets = 0;
    Config *config;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    config = configLoad(path, onMessage, &octets);
    if (!config && octets == 0)
        abort();
    close(fd);
    return config;
}

/* The comment behind each value is not to be read as a value. */
static char *
print(const Config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    configPrint(config, out);
    fclose(out);
    return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Config *config = load(data, size);

    if (config) {
        char *text = print(config);

        configUnref(&config);
        config = load(text, strlen(text));
        if (!config)
            abort();
        free(text);
    }
    configUnref(&config);
    return 0;
}
