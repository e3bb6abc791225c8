/*
 * Deleting slowly: can a listed snapshot come to need a blob that is nowhere?
 *
 * One blob that matters, in two packs. A snapshot that may be forgotten, and one each that two hosts may list: one ends
 * within the hold, as the settings demand; the other is a laptop that slept, and ends within E. A host looks at the
 * indexes when it begins, and uploads nothing that an index has. The judge makes a round in each tick of time, may be
 * killed between any two steps, and its state may be an old copy that was brought back. One copy may have rotted.
 *
 * What must hold:
 *   nowhere     a listed snapshot's blob is in a pack that is there, or in the trash, and is sound
 *   short       when the short host lists its snapshot, a pack with the blob is there
 *   look        nothing goes that a snapshot needs which was listed when the judge looked again
 *   indexes     an old index that goes takes no entry along of a pack that stays
 *   round       at the end of a round, what was listed at its beginning is found through a listed index
 *
 * Each guard can be left out with -D; a test sees that spin then finds a counterexample:
 *   NO_HOLD       packs go as soon as no index names them
 *   NO_AGAIN      nobody looks again when a plan is due
 *   NO_RETURN     what is needed again returns neither from the trash nor to an index
 *   NO_READ       another copy counts without having been read again since the condemnation
 *   NO_INDEXED    another copy counts though no index names it
 *   NO_STAYS      another copy counts though it is condemned itself and leaves the indexes
 *   NO_NAMED      a pack that an index names again goes all the same
 *   NO_SUCCESSOR  old index files go before those that take over are there
 *   NO_TRASH      what goes is gone at once
 */

#ifndef TICKS
#define TICKS 6
#endif
#ifndef SESSIONS
#define SESSIONS 1
#endif
#define H 2
#define E 3
#define NEVER 99

mtype = { THERE, TRASH, GONE };
mtype place[2];
bool sound[2];
bool bad[2];               /* read, and found not to be sound */
bool read_since[2];
bool condemned[2];
byte unindexed[2];         /* the tick in which it was seen that no index names it */
byte trashed[2];
bool old_index = true;     /* one file, which names both packs */
bool new_index[2];         /* younger files, which name one each */

bool listed[3];            /* 0: the one that may be forgotten; 1: the short host's; 2: the long one's */
bool running[2];           /* the short host, the long one */
bool cached[2];
byte began[2];

byte now = 0;
bool rounded = false;      /* a round ended in this tick */
bool copied = false;       /* somebody has an old copy of the state, with these packs condemned and unindexed */
bool copy_condemned[2];
byte copy_unindexed[2];
bool forgettable = true;

#define INDEXED(p)  (old_index || new_index[p])
#define NEEDED      (listed[0] || listed[1] || listed[2])
#define BELIEVED(p) (place[p] == THERE && !bad[p])
#define FOUND       ((BELIEVED(0) && INDEXED(0)) || (BELIEVED(1) && INDEXED(1)))
#define SOMEWHERE   ((place[0] != GONE && sound[0]) || (place[1] != GONE && sound[1]))

#ifdef NO_READ
#define READ(q) true
#else
#define READ(q) (read_since[q])
#endif
#ifdef NO_STAYS
#define NO_INDEXED
#define UNPLANNED(q) true
#else
#define UNPLANNED(q) (!condemned[q])
#endif
#ifdef NO_INDEXED
#define NAMED(q) true
#else
#define NAMED(q) INDEXED(q)
#endif
#define SURE(q) (BELIEVED(q) && NAMED(q) && UNPLANNED(q) && READ(q))

#ifdef NO_HOLD
#define HELD(p) (unindexed[p] != NEVER)
#else
#define HELD(p) (unindexed[p] != NEVER && now >= unindexed[p] + H)
#endif

/* What is listed and has no copy that stays: one that is on its way returns to an index, one that went comes back. */
inline rescue() {
#ifndef NO_RETURN
  atomic {
    if
    :: NEEDED && !(BELIEVED(0) && UNPLANNED(0) && NAMED(0)) && !(BELIEVED(1) && UNPLANNED(1) && NAMED(1)) ->
       q = 0;
       do
       :: q < 2 && place[q] != GONE && !bad[q] ->
          place[q] = THERE; condemned[q] = false; unindexed[q] = NEVER; new_index[q] = true; break
       :: q < 2 && !(place[q] != GONE && !bad[q]) -> q++
       :: q == 2 -> break
       od
    :: else
    fi
  }
#endif
  q = 0
}

proctype Host(byte who) {
  byte times = 0;
  do
  :: times < SESSIONS && now < TICKS ->
     times++;
     atomic { running[who] = true; began[who] = now; cached[who] = INDEXED(0) || INDEXED(1) };
     if
     :: atomic { cached[who] ->
          listed[1 + who] = true; running[who] = false;
          assert(SOMEWHERE);
          assert(who == 1 || place[0] == THERE || place[1] == THERE) }
     :: atomic { running[who] = false }         /* uploaded anew, which hurts nobody; or was interrupted */
     fi
  :: break
  od
}

proctype Judge() {
  byte p, q;
  bool seen[3];              /* listed when this round began */
  bool looked, ok;
again:
  do
  :: now >= TICKS -> break
  :: now < TICKS && !rounded ->
     atomic { seen[0] = listed[0]; seen[1] = listed[1]; seen[2] = listed[2] };
     rescue();
     /* condemn one pack that nothing needs, or of which another copy stays; a killed round begins anew */
     if
     :: atomic { !condemned[0] && !condemned[1] ->
          if
          :: place[0] == THERE && (!NEEDED || (BELIEVED(1) && NAMED(1))) -> condemned[0] = true
          :: place[1] == THERE && (!NEEDED || (BELIEVED(0) && NAMED(0))) -> condemned[1] = true
          :: skip
          fi;
          read_since[0] = false; read_since[1] = false }
#ifdef NO_STAYS
     :: atomic { condemned[0] != condemned[1] && place[0] == THERE && place[1] == THERE ->
          condemned[0] = true; condemned[1] = true }
#endif
     :: skip
     fi;
     rescue();
     /* new indexes hold what the old ones held of others; then the old ones go */
     p = 0;
     do
     :: p < 2 && condemned[p] && INDEXED(p) ->
#ifndef NO_SUCCESSOR
        atomic { if :: place[1 - p] == THERE && INDEXED(1 - p) && !condemned[1 - p] -> new_index[1 - p] = true :: else fi };
#endif
        if :: goto again :: skip fi;
        atomic {
          if
          :: condemned[p] ->
             ok = INDEXED(1 - p) && !condemned[1 - p] && place[1 - p] == THERE;
             old_index = false; new_index[p] = false;
             assert(!ok || INDEXED(1 - p))
          :: else
          fi };
        if :: goto again :: skip fi;
#ifdef NO_SUCCESSOR
        atomic { if :: place[1 - p] == THERE && !condemned[1 - p] -> new_index[1 - p] = true :: else fi };
#endif
        p++
     :: p < 2 && !(condemned[p] && INDEXED(p)) -> p++
     :: p == 2 -> break
     od;
     atomic {
       if :: condemned[0] && !INDEXED(0) && unindexed[0] == NEVER -> unindexed[0] = now :: else fi;
       if :: condemned[1] && !INDEXED(1) && unindexed[1] == NEVER -> unindexed[1] = now :: else fi
     };
#ifdef COPIES
     if :: atomic { !copied ->
          copied = true;
          copy_condemned[0] = condemned[0]; copy_condemned[1] = condemned[1];
          copy_unindexed[0] = unindexed[0]; copy_unindexed[1] = unindexed[1] }
     :: skip
     fi;
#endif
     /* what is due is looked at again, and goes */
     p = 0;
     do
     :: p < 2 && condemned[p] && place[p] == THERE && HELD(p) ->
#ifndef NO_AGAIN
        rescue();
#ifndef NO_READ
        atomic { read_since[1 - p] = true; bad[1 - p] = bad[1 - p] || !sound[1 - p] };
#endif
#endif
        atomic {
          looked = NEEDED;
          ok = condemned[p] && (!NEEDED || SURE(1 - p));
#ifdef NO_AGAIN
          ok = true;
#endif
#ifndef NO_NAMED
          ok = ok && !INDEXED(p);
#endif
        };
        if :: goto again :: skip fi;
        atomic {
          if
          :: ok ->
             place[p] = TRASH; trashed[p] = now;
#ifdef NO_TRASH
             place[p] = GONE;
#endif
             condemned[p] = false; unindexed[p] = NEVER;
             assert(!looked || (place[1 - p] == THERE && sound[1 - p] && INDEXED(1 - p)));
             assert(!NEEDED || SOMEWHERE)
          :: else
          fi };
        p++
     :: p < 2 && !(condemned[p] && place[p] == THERE && HELD(p)) -> p++
     :: p == 2 -> break
     od;
     rescue();
     p = 0;
     do
     :: p < 2 && place[p] == TRASH && now >= trashed[p] + E && !NEEDED ->
        atomic { place[p] = GONE; assert(!NEEDED || SOMEWHERE) }; p++
     :: p < 2 && !(place[p] == TRASH && now >= trashed[p] + E && !NEEDED) -> p++
     :: p == 2 -> break
     od;
     atomic { assert(FOUND || !((seen[0] && listed[0]) || (seen[1] && listed[1]) || (seen[2] && listed[2]))); rounded = true }
  od
}

/* Time passes when a round was made in it, and not beyond what the settings allow a host to take. */
proctype Clock() {
  do
  :: now >= TICKS -> break
  :: atomic { now < TICKS && rounded && !(running[0] && now >= began[0] + 1) && !(running[1] && now >= began[1] + 2) ->
       now++; rounded = false }
  :: atomic { forgettable && listed[0] -> listed[0] = false }
#ifdef COPIES
  :: atomic { forgettable && listed[2] -> listed[2] = false }
#endif
#ifdef COPIES
  :: atomic { copied && (copy_condemned[0] || copy_condemned[1]) && rounded ->
       condemned[0] = copy_condemned[0] && place[0] == THERE; condemned[1] = copy_condemned[1] && place[1] == THERE;
       unindexed[0] = copy_unindexed[0]; unindexed[1] = copy_unindexed[1];
       copy_condemned[0] = false; copy_condemned[1] = false }
#endif
  od
}

init {
  atomic {
    place[0] = THERE; place[1] = THERE;
    unindexed[0] = NEVER; unindexed[1] = NEVER;
    copy_unindexed[0] = NEVER; copy_unindexed[1] = NEVER;
    sound[0] = true; sound[1] = true;
    listed[0] = true;
    if
    :: skip
    :: sound[0] = false; forgettable = false    /* one copy has rotted, and what needs it stays */
    :: sound[1] = false; forgettable = false
    :: old_index = false; new_index[0] = true   /* the other pack was never indexed */
    :: old_index = false; new_index[0] = true; place[1] = GONE   /* there is but one */
    fi;
    run Host(0); run Host(1); run Judge(); run Clock()
  }
}
