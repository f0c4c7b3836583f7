/* nearest.c: which known name an unknown one probably meant. */
#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NEAREST_MAX 63

static unsigned
min2(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool
sameLetter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned
nearestDistance(const char *a, const char *b)
{
    size_t lenA = strnlen(a, NEAREST_MAX), lenB = strnlen(b, NEAREST_MAX);
    unsigned cell[NEAREST_MAX + 1][NEAREST_MAX + 1];

    for (size_t i = 0; i <= lenA; i++)
        cell[i][0] = (unsigned)i;
    for (size_t j = 0; j <= lenB; j++)
        cell[0][j] = (unsigned)j;
    for (size_t i = 1; i <= lenA; i++) {
        for (size_t j = 1; j <= lenB; j++) {
            unsigned differs = !sameLetter(a[i - 1], b[j - 1]);
            unsigned cost = cell[i - 1][j - 1] + differs;

            cost = min2(cost, cell[i - 1][j] + 1);
            cost = min2(cost, cell[i][j - 1] + 1);
            if (i > 1 && j > 1 && sameLetter(a[i - 1], b[j - 2]) &&
                sameLetter(a[i - 2], b[j - 1]))
                cost = min2(cost, cell[i - 2][j - 2] + 1);
            cell[i][j] = cost;
        }
    }
    return cell[lenA][lenB];
}

const char *
nearestPick(const char *text, const char *best, const char *candidate)
{
    unsigned distance = nearestDistance(text, candidate);
    unsigned limit = (unsigned)strnlen(text, NEAREST_MAX) / 3;

    if (distance > (limit < 1 ? 1 : limit))
        return best;
    if (best && nearestDistance(text, best) <= distance)
        return best;
    return candidate;
}
