/* fuzz.h: what a fuzz target provides; fuzz_replay.c runs it over its corpus.
 */
#ifndef SQUIRE_FUZZ_H
#define SQUIRE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Folder of the target's inputs: test/fuzz/corpus/<fuzzName>. */
extern const char fuzzName[];

/* Run one input; aborts when something is wrong. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
