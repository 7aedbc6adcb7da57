// A block's threads as fibers. A thread that never waits is a plain call: all such threads share one fiber, one after the
// other. Only a thread that waits keeps its fiber, and another one goes on with the rest. A switch is the compiler's own
// longjmp: swapcontext is 14 times slower, as it asks the system to save the signal mask, and the address sanitizer takes
// the C library's longjmp for the end of a stack.
#pragma once

namespace shim {

enum class State : char { ready, at_block, at_warp, returned };

struct Fiber {
    ucontext_t start;
    void* position[5];
    bool started;
    char* stack;
};

struct Meeting {  // what a waiting thread brings, and takes away
    Place place;
    Fiber* fiber;
    unsigned mask;      // lanes it waits for
    int source;         // lane whose value it wants
    uint64_t value;     // its own value; its vote is that this is not 0
    uint64_t received;
    unsigned votes;     // a bit for each lane that voted yes; at a block's barrier, their number
};

constexpr size_t STACK = 256 * 1024;
static State state[MAX_THREADS];
static Meeting meeting[MAX_THREADS];
static Fiber fibers[MAX_THREADS + 1], *idle[MAX_THREADS + 1], outside, *current;
static unsigned made, idling, begun, returned, cursor;

inline unsigned nth(unsigned k) { return backwards ? size - 1 - k : k; }

[[gnu::noinline, gnu::no_sanitize("address")]] static void jump(Fiber* to) {
    if (to->started) __builtin_longjmp(to->position, 1);
    to->started = true;
    setcontext(&to->start);
}

[[gnu::noinline]] static void hop(Fiber* to) {
    Fiber* from = current;
    current = to;
    if (!__builtin_setjmp(from->position)) jump(to);
}

static void check_barrier() {  // every thread waits at the block's barrier or has returned: may it open?
    unsigned first = MAX_THREADS;
    for (unsigned t = 0; t < size; ++t) {
        if (state[t] == State::returned) continue;
        if (first == MAX_THREADS) first = t;
        const Place &here = meeting[first].place, &there = meeting[t].place;
        if (here.line != there.line || strcmp(here.file, there.file) || strcmp(here.what, there.what))
            note("divergent barrier: %s waits in %s at %s:%d, but %s in %s at %s:%d", name(first).text, here.what, here.file,
                 here.line, name(t).text, there.what, there.file, there.line);
    }
    if (returned) {
        unsigned gone = 0;
        while (state[gone] != State::returned) ++gone;
        const Place& here = meeting[first].place;
        note("barrier after an exit: %s waits in %s at %s:%d, but %s has returned", name(first).text, here.what, here.file,
             here.line, name(gone).text);
    }
}

static bool open_block() {
    unsigned waiting = 0, votes = 0;
    for (unsigned t = 0; t < size; ++t)
        if (state[t] == State::at_block) {
            ++waiting;
            votes += meeting[t].value != 0;
        }
    if (!waiting || waiting + returned < size) return false;
    check_barrier();
    for (unsigned t = 0; t < size; ++t)
        if (state[t] == State::at_block) {
            state[t] = State::ready;
            meeting[t].votes = votes;
        }
    return true;
}

static bool complete(unsigned first, const Meeting& mine) {  // all lanes of a mask wait in the same function
    for (unsigned lane = 0; lane < WARP; ++lane) {
        unsigned t = first + lane;
        if (!(mine.mask >> lane & 1) || t >= size) continue;
        if (state[t] == State::returned)
            note("%s at %s:%d waits for %s, which has returned", mine.place.what, mine.place.file, mine.place.line, name(t).text);
        if (state[t] != State::at_warp || meeting[t].mask != mine.mask || strcmp(meeting[t].place.what, mine.place.what))
            return false;
    }
    return true;
}

static bool open_warps() {
    bool moved = false;
    for (unsigned t = 0; t < size; ++t) {
        if (state[t] != State::at_warp) continue;
        unsigned first = t / WARP * WARP, mask = meeting[t].mask, votes = 0;
        if (!complete(first, meeting[t])) continue;
        for (unsigned u = first; u < first + WARP && u < size; ++u)
            if (mask >> (u - first) & 1) {
                state[u] = State::ready;
                votes |= (unsigned)(meeting[u].value != 0) << (u - first);
            }
        for (unsigned u = first; u < first + WARP && u < size; ++u)
            if (mask >> (u - first) & 1) {
                unsigned source = first + (unsigned)meeting[u].source;
                bool there = source < size && mask >> (source - first) & 1;
                meeting[u].received = there ? meeting[source].value : ~(uint64_t)0;  // what CUDA leaves undefined is NaN
                meeting[u].votes = votes;
            }
        moved = true;
    }
    return moved;
}

static void note_deadlock() {
    for (unsigned t = 0; t < size; ++t)
        if (state[t] != State::returned) {
            const Place& here = meeting[t].place;
            note("deadlock: %s waits for ever in %s at %s:%d", name(t).text, here.what, here.file, here.line);
        }
}

static Fiber* successor() {  // the fiber to go on with, once every thread has begun
    for (;;) {
        while (!failure[0] && cursor < size) {
            unsigned t = nth(cursor++);
            if (state[t] == State::ready) return meeting[t].fiber;
        }
        if (failure[0] || returned == size) return &outside;
        cursor = 0;
        bool warps = open_warps();
        if (!open_block() && !warps) note_deadlock();
    }
}

static void work() {  // what a fiber does
    for (;;) {
        while (begun < size) {
            unsigned t = nth(begun++);
            enter(t);
            kernel(arguments);
            state[self] = State::returned;
            ++returned;
        }
        idle[idling++] = current;
        hop(successor());
    }
}

static Fiber* fresh() {
    if (idling) return idle[--idling];
    Fiber* fiber = &fibers[made++];
    fiber->stack = new char[STACK];
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack;
    fiber->start.uc_stack.ss_size = STACK;
    makecontext(&fiber->start, work, 0);
    return fiber;
}

static void abandon_fibers() {  // after a failure: nobody returns to them
    while (made) {
        delete[] fibers[--made].stack;
        fibers[made] = Fiber{};
    }
    idling = 0;
}

[[gnu::noinline]] static Meeting& wait(State how, unsigned mask, uint64_t value, int source, Place place) {
    unsigned t = self;
    Meeting& mine = meeting[t];
    mine.place = place, mine.fiber = current, mine.mask = mask, mine.value = value, mine.source = source;
    state[t] = how;
    if (how == State::at_warp && !(mask >> t % WARP & 1))
        note("%s at %s:%d: the mask %#x leaves out its own %s", place.what, place.file, place.line, mask, name(t).text);
    hop(failure[0] ? &outside : begun < size ? fresh() : successor());
    enter(t);
    return mine;
}

static Meeting& meet_block(bool vote, Place place) { return wait(State::at_block, 0, vote, 0, place); }
static Meeting& meet_warp(unsigned mask, uint64_t value, int source, Place place) {
    return wait(State::at_warp, mask, value, source, place);
}

static void run_block() {
    memset(state, (int)State::ready, size);
    begun = returned = cursor = 0;
    outside.started = true;
    current = &outside;
    hop(fresh());
    if (failure[0]) abandon_fibers();
}

}  // namespace shim
