/* The calibration loop: what a packet costs where nothing is in the way.
 *
 * Bursts of 64 buffers are taken from a stack, filled with a frame of 64 bytes, have their MAC addresses swapped, and go
 * back, by raw pointers. Prints the nanoseconds of processor time that a packet takes: the best of several runs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUFFERS = 8192, ROOM = 2048, HEADROOM = 128, BURST = 64, FRAME = 64, RUNS = 9 };

struct packet {
    uint16_t offset, length;
    uint8_t bytes[HEADROOM + ROOM];
};

static struct packet *stack[BUFFERS];
static size_t height;

static void swap(uint8_t *frame)
{
    uint8_t address[6];
    memcpy(address, frame, 6);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, address, 6);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(void)
{
    const int bursts = 100000;
    uint8_t frame[FRAME] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8, 0, 0x45};
    struct packet *burst[BURST], *all = calloc(BUFFERS, sizeof *all);
    double best = 1e9;
    if (all == NULL)
        return 1;
    for (size_t i = 0; i < BUFFERS; i++)
        stack[height++] = &all[i];
    for (int run = 0; run < RUNS; run++) {
        double start = now();
        for (int i = 0; i < bursts; i++) {
            for (int j = 0; j < BURST; j++) {
                burst[j] = stack[--height];
                burst[j]->offset = HEADROOM;
                burst[j]->length = FRAME;
                memcpy(burst[j]->bytes + HEADROOM, frame, FRAME);
            }
            for (int j = 0; j < BURST; j++)
                swap(burst[j]->bytes + burst[j]->offset);
            for (int j = 0; j < BURST; j++)
                stack[height++] = burst[j];
            __asm__ volatile("" ::: "memory");
        }
        double ns = (now() - start) / bursts / BURST;
        best = ns < best ? ns : best;
    }
    printf("%.4f\n", best);
    return 0;
}
