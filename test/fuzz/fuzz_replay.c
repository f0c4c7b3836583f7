/*
 * fuzz_replay.c: run a fuzz target once over each file of its corpus, then a
 * bounded number of times over random changes of them.
 *
 * The changes are the same in every run: SQUIRE_FUZZ_SEED=N makes others,
 * SQUIRE_FUZZ_RUNS=N more. (libFuzzer, which learns what is worth changing,
 * needs clang and --enable-fuzzing.)
 */
#include "fuzz.h"
#include "xalloc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20)
#define INPUTS_MAX 4096u
#define CHANGED_MAX 4096u /* octets of an input that is to be changed */
#define RUNS 2000u
#define CHANGES_MAX 8u

typedef struct Input {
    uint8_t *data;
    size_t len;
} Input;

static struct {
    Input inputs[INPUTS_MAX];
    unsigned count;
} corpus;

static int
loadFile(const char *dir, const char *name)
{
    static uint8_t octets[INPUT_MAX];
    char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "rb");

    free(path);
    if (!file || corpus.count == INPUTS_MAX) {
        perror(name);
        return -1;
    }
    size_t len = fread(octets, 1, sizeof(octets), file);
    fclose(file);
    Input *input = &corpus.inputs[corpus.count++];
    input->data = xmalloc(len + 1);
    input->len = len;
    memcpy(input->data, octets, len);
    return 0;
}

static int
byName(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
loadFolder(const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, NULL, byName);
    int rc = 0;

    if (count < 0) {
        perror(dir);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && rc == 0)
            rc = loadFile(dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* The target gets exactly the octets, so that a sanitizer sees a step over
 * their end. */
static void
runOne(const uint8_t *data, size_t len)
{
    uint8_t *exact = xmalloc(len);

    for (size_t i = 0; i < len; i++)
        exact[i] = data[i];
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static uint64_t dice;

/* xorshift64: the same numbers everywhere. */
static uint32_t
roll(uint32_t limit)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return limit ? (uint32_t)(dice >> 32) % limit : 0;
}

static size_t
insertPart(uint8_t *data, size_t len)
{
    const Input *from = &corpus.inputs[roll(corpus.count)];
    size_t at = roll((uint32_t)len + 1);
    size_t start = roll((uint32_t)from->len + 1);
    size_t room = CHANGED_MAX - len;
    size_t part = roll(64) + 1;

    if (part > from->len - start)
        part = from->len - start;
    if (part > room)
        part = room;
    memmove(data + at + part, data + at, len - at);
    memcpy(data + at, from->data + start, part);
    return len + part;
}

static size_t
removePart(uint8_t *data, size_t len)
{
    size_t at = roll((uint32_t)len + 1);
    size_t part = roll(16) + 1;

    if (part > len - at)
        part = len - at;
    memmove(data + at, data + at + part, len - at - part);
    return len - part;
}

/* Octets that mean something to one parser or another. */
static const uint8_t special[] = "\0\t\n\r \"%'\\,;:=/?#[]{}()<>@!\x01\x7f\xff";

static size_t
changeOne(uint8_t *data, size_t len)
{
    switch (roll(5)) {
    case 0:
        return insertPart(data, len);
    case 1:
        return removePart(data, len);
    case 2:
        if (len > 0)
            data[roll((uint32_t)len)] ^= (uint8_t)(1u << roll(8));
        return len;
    case 3:
        return roll(4) ? len : roll((uint32_t)len + 1);
    default:
        if (len > 0)
            data[roll((uint32_t)len)] = special[roll(sizeof(special))];
        return len;
    }
}

static void
runChanged(void)
{
    static uint8_t data[CHANGED_MAX];
    const Input *input = &corpus.inputs[roll(corpus.count)];
    size_t len = input->len < CHANGED_MAX ? input->len : CHANGED_MAX;

    memcpy(data, input->data, len);
    for (uint32_t n = roll(CHANGES_MAX) + 1; n > 0; n--)
        len = changeOne(data, len);
    runOne(data, len);
}

static unsigned long
numberOf(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 10) : fallback;
}

int
main(int argc, char **argv)
{
    const char *source = getenv("SQUIRE_SOURCE");
    char *dir = argc > 1 ? xstrdup(argv[1])
                         : xasprintf("%s/test/fuzz/corpus/%s",
                                     source ? source : ".", fuzzName);
    unsigned long seed = numberOf("SQUIRE_FUZZ_SEED", 1);
    unsigned long runs = numberOf("SQUIRE_FUZZ_RUNS", RUNS);

    int rc = loadFolder(dir);
    printf("%s: %u inputs, %lu changed ones, SQUIRE_FUZZ_SEED=%lu\n", dir,
           corpus.count, runs, seed);
    fflush(stdout);
    free(dir);
    for (unsigned i = 0; i < corpus.count; i++)
        runOne(corpus.inputs[i].data, corpus.inputs[i].len);
    dice = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned long n = 0; n < runs && corpus.count > 0; n++)
        runChanged();
    for (unsigned i = 0; i < corpus.count; i++)
        free(corpus.inputs[i].data);
    return rc == 0 && corpus.count > 0 ? 0 : 1;
}
