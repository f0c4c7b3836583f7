/* log_shift.h: old files of a log: PATH.0, PATH.1 and so on. Thread: any. */
#ifndef SQUIRE_LOG_SHIFT_H
#define SQUIRE_LOG_SHIFT_H

#define LOG_SHIFT_MAX 1000u

/*
 * Give the file at path the name PATH.0, that one PATH.1, up to `keep` of
 * them, LOG_SHIFT_MAX at most; what was the last is gone. Nothing happens with
 * 0, and to what is no plain file or not there. 0, or -errno of the first that
 * could not be renamed. Blocks.
 */
int logShift(const char *path, unsigned keep);

#endif
