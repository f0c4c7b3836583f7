/*
 * ids_option.h: the option of all helpers here that says whether lines begin
 * with a channel-ID, for proxies that do not tell in the environment.
 */
#ifndef SQUIRE_IDS_OPTION_H
#define SQUIRE_IDS_OPTION_H

#include "helper_serve.h"

#define IDS_OPTION "i:" /* for getopt */
#define IDS_USAGE "[-i on|off]"

/* Take an option of getopt: true when it is -i with "on" or "off". */
bool idsOptionTake(int option, const char *value, HelperIds *idsOut);

/* The argument of a program that has this option and FILE, borrowed from
 * argv; NULL, with a message on stderr, when it was called otherwise. */
const char *idsOptionFile(int argc, char **argv, HelperIds *idsOut);

#endif
