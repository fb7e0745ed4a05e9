/* SPDX-License-Identifier: MIT
 *
 * Threads that the OpenMP runtime will use. When it cannot start one it ends the whole process, so they are tried first.
 *
 *     int threads = slr_threads_start(8);   8, or as many as the limits of memory and processes allow
 */
#ifndef SLR_THREADS_H
#define SLR_THREADS_H

/* Starts the runtime's threads for loops of the calling thread; how many there are, itself included. */
int slr_threads_start(int wanted);

#endif
