/* Optimizer updates over whole lists of parameters: one call from Python updates them all.
 *
 * All arrays are checked before the first is changed, so a call either updates everything or answers False and leaves
 * everything as it was. A BufferCache keeps the buffers of parameters and accumulators between steps: asking NumPy for
 * a buffer costs about 0.15 us, comparing a pointer nothing. It holds references, so that a cached buffer cannot go
 * away; whether it is still the right one is decided by the identity of the array at every call, so replacing an array
 * (`set_state_dict`) is safe. ndarray.resize refuses to move an array that is referenced here.
 */
#include "common.h"

struct optim_loops {
    void (*adam)(ptrdiff_t, void *, const void *, void *, void *, double, double, double, double, double, double,
                 double);
    void (*sgd)(ptrdiff_t, void *, const void *, double, double, double);
    void (*momentum)(ptrdiff_t, void *, const void *, void *, double, double, int, double, double);
    void (*rmsprop)(ptrdiff_t, void *, const void *, void *, void *, void *, double, double, double, double, double,
                    double);
    void (*adagrad)(ptrdiff_t, void *, const void *, void *, double, double, double, double);
    void (*lamb)(ptrdiff_t, void *, const void *, void *, void *, double, double, double, double, double, double,
                 double, int, double, double);
    double (*squared_norm)(ptrdiff_t, const void *);
};

/* Bound by memory and by sqrt and division, these loops were 1.3 to 2.4 times slower with 512-bit vectors. */
#define MP_MAX_ISA 1
#define LOOPS "optim_loops.h"
#include "variants.h"

/* ---- BufferCache ------------------------------------------------------------------------------------------------ */

typedef struct {
    PyObject_HEAD
    Py_ssize_t size;
    Py_buffer *views; /* views[i].obj is NULL where nothing is held */
    int busy;         /* in use by a call that has released the GIL */
} BufferCache;

static PyObject *cache_type; /* borrowed from the module, which lives as long as the process */

static void cache_clear(BufferCache *self) {
    for (Py_ssize_t i = 0; i < self->size; i++)
        if (self->views[i].obj) PyBuffer_Release(&self->views[i]);
    PyMem_Free(self->views);
    self->views = NULL;
    self->size = 0;
}

static void cache_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    cache_clear((BufferCache *)self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *cache_clear_method(PyObject *self, PyObject *unused) {
    (void)unused;
    if (((BufferCache *)self)->busy) {
        PyErr_SetString(PyExc_RuntimeError, "BufferCache.clear: an update that uses this cache is running");
        return NULL;
    }
    cache_clear((BufferCache *)self);
    Py_RETURN_NONE;
}

static PyObject *cache_reduce(PyObject *self, PyObject *unused) {
    (void)unused; /* a copy starts empty: buffers belong to one process and one set of arrays */
    return Py_BuildValue("O()", (PyObject *)Py_TYPE(self));
}

static PyMethodDef cache_methods[] = {
    {"clear", cache_clear_method, METH_NOARGS, "Let go of all arrays."},
    {"__reduce__", cache_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot cache_slots[] = {
    {Py_tp_dealloc, cache_dealloc},
    {Py_tp_methods, cache_methods},
    {Py_tp_doc, "Keeps the buffers of an optimizer's arrays from one step to the next."},
    {0, NULL},
};

static PyType_Spec cache_spec = {"minipaddle.kernels._cpu.BufferCache", sizeof(BufferCache), 0, Py_TPFLAGS_DEFAULT,
                                 cache_slots};

int mp_optim_init(PyObject *module) {
    PyObject *type = PyType_FromSpec(&cache_spec);
    if (!type) return -1;
    cache_type = type;
    return PyModule_AddObject(module, "BufferCache", type);
}

/* ---- Gathering the arrays of a call ----------------------------------------------------------------------------- */

/* One list or tuple of the call: borrowed items. */
typedef struct {
    PyObject *seq;
    int is_list;
    Py_ssize_t size;
} Items;

static int items_init(Items *items, PyObject *seq, const char *what, Py_ssize_t expected) {
    items->seq = seq;
    items->is_list = PyList_Check(seq);
    if (!items->is_list && !PyTuple_Check(seq)) {
        PyErr_Format(PyExc_TypeError, "%s must be a list or tuple of arrays", what);
        return -1;
    }
    items->size = items->is_list ? PyList_Size(seq) : PyTuple_Size(seq);
    if (expected >= 0 && items->size != expected) {
        PyErr_Format(PyExc_ValueError, "%s has %zd arrays, but there are %zd parameters", what, items->size, expected);
        return -1;
    }
    return 0;
}

static PyObject *items_get(const Items *items, Py_ssize_t i) { /* borrowed */
    return items->is_list ? PyList_GetItem(items->seq, i) : PyTuple_GetItem(items->seq, i);
}

/* A setting that is one number for all parameters or a list with one per parameter. */
typedef struct {
    double value;
    PyObject *seq;
    int is_list;
} Numbers;

static int numbers_init(Numbers *numbers, PyObject *obj, const char *what, Py_ssize_t expected) {
    numbers->seq = NULL;
    numbers->is_list = PyList_Check(obj);
    if (numbers->is_list || PyTuple_Check(obj)) {
        const Py_ssize_t size = numbers->is_list ? PyList_Size(obj) : PyTuple_Size(obj);
        if (size != expected) {
            PyErr_Format(PyExc_ValueError, "%s has %zd numbers, but there are %zd parameters", what, size, expected);
            return -1;
        }
        numbers->seq = obj;
        return 0;
    }
    numbers->value = PyFloat_AsDouble(obj);
    return numbers->value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int numbers_get(const Numbers *numbers, Py_ssize_t i, double *value) {
    if (!numbers->seq) {
        *value = numbers->value;
        return 0;
    }
    PyObject *item = numbers->is_list ? PyList_GetItem(numbers->seq, i) : PyTuple_GetItem(numbers->seq, i);
    if (!item) return -1;
    *value = PyFloat_AsDouble(item);
    return *value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

#define MAX_SLOTS 5 /* arrays kept between steps, per parameter: param, moment1, moment2, beta1_pow, beta2_pow */

typedef struct {
    Py_ssize_t n;     /* parameters with a gradient, 0 <= n <= length of the lists */
    Py_ssize_t total; /* elements of all parameters */
    int slots;
    void **data;         /* [n][slots] */
    Py_buffer *grads;    /* [n] */
    Py_ssize_t *sizes;   /* [n] elements */
    Py_ssize_t *index;   /* [n] position in the lists */
    unsigned char *kind; /* [n] MP_F32 or MP_F64 */
    BufferCache *cache;  /* held busy, or NULL */
    Py_buffer *owned;    /* [length][slots] buffers to release when there is no cache */
    Py_ssize_t owned_count;
    void *memory;
    max_align_t small[256]; /* the memory of a call with few parameters */
} Gathered;

static void gathered_free(Gathered *all) {
    for (Py_ssize_t i = 0; i < all->n; i++) PyBuffer_Release(&all->grads[i]);
    for (Py_ssize_t i = 0; i < all->owned_count; i++)
        if (all->owned[i].obj) PyBuffer_Release(&all->owned[i]);
    if (all->cache) {
        all->cache->busy = 0;
        Py_DECREF((PyObject *)all->cache);
    }
    if (all->memory != (void *)all->small) PyMem_Free(all->memory);
}

/* Collects the arrays of a call: lists[0] the parameters, lists[1 .. slots-1] their accumulators, `grad_list` the
 * gradients (None: skip that parameter). `scalar_slots`: the last so many slots are arrays of one element.
 * Returns 1 with `all` filled, 0 if some array cannot be served (no exception), -1 with an exception. Whatever is
 * returned, gathered_free must be called only after 1. */
static int gather(Gathered *all, PyObject *cache, PyObject *const *lists, const char *const *names, int slots,
                  int scalar_slots, PyObject *grad_list) {
    Items items[MAX_SLOTS], grads;
    if (items_init(&items[0], lists[0], names[0], -1) < 0) return -1;
    const Py_ssize_t length = items[0].size;
    for (int s = 1; s < slots; s++)
        if (items_init(&items[s], lists[s], names[s], length) < 0) return -1;
    if (items_init(&grads, grad_list, "grads", length) < 0) return -1;

    BufferCache *kept = NULL;
    if (cache != Py_None) {
        if ((PyObject *)Py_TYPE(cache) != cache_type) {
            PyErr_SetString(PyExc_TypeError, "cache must be a BufferCache or None");
            return -1;
        }
        kept = (BufferCache *)cache;
        if (kept->busy) {
            kept = NULL; /* another thread is at work with it: do without */
        } else if (kept->size != length * slots) {
            cache_clear(kept);
            if (length) {
                kept->views = PyMem_Calloc((size_t)(length * slots), sizeof(Py_buffer));
                if (!kept->views) {
                    PyErr_NoMemory();
                    return -1;
                }
            }
            kept->size = length * slots;
        }
    }

    all->n = all->total = all->owned_count = 0;
    all->slots = slots;
    all->cache = NULL;
    const size_t n = (size_t)length;
    const size_t per_param = (size_t)slots * sizeof(void *) + sizeof(Py_buffer) + 2 * sizeof(Py_ssize_t) + 1 +
                             (kept ? 0 : (size_t)slots * sizeof(Py_buffer));
    if (n * per_param <= sizeof(all->small)) {
        all->memory = all->small;
    } else if (!(all->memory = PyMem_Malloc(n * per_param))) {
        PyErr_NoMemory();
        return -1;
    }
    char *at = all->memory; /* widest elements first keeps everything aligned */
    all->grads = (Py_buffer *)at, at += n * sizeof(Py_buffer);
    all->owned = (Py_buffer *)at, at += kept ? 0 : n * (size_t)slots * sizeof(Py_buffer);
    all->data = (void **)at, at += n * (size_t)slots * sizeof(void *);
    all->sizes = (Py_ssize_t *)at, at += n * sizeof(Py_ssize_t);
    all->index = (Py_ssize_t *)at, at += n * sizeof(Py_ssize_t);
    all->kind = (unsigned char *)at;
    if (kept) {
        kept->busy = 1;
        Py_INCREF((PyObject *)kept);
        all->cache = kept;
    }

    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *grad = items_get(&grads, i);
        if (grad == Py_None) continue;
        const Py_ssize_t k = all->n;
        enum mp_kind kind = MP_OTHER;
        Py_ssize_t size = 0;
        for (int s = 0; s < slots; s++) {
            PyObject *array = items_get(&items[s], i);
            Py_buffer *view;
            if (kept) {
                view = &kept->views[i * slots + s];
                if (view->obj != array) {
                    if (view->obj) PyBuffer_Release(view);
                    view->obj = NULL;
                    if (!mp_get(array, view, 1)) goto refuse;
                    if (view->obj != array) { /* an object that lends another one's buffer: do not trust identity */
                        PyBuffer_Release(view);
                        view->obj = NULL;
                        goto refuse;
                    }
                }
            } else {
                view = &all->owned[all->owned_count];
                if (!mp_get(array, view, 1)) goto refuse;
                all->owned_count++;
            }
            const enum mp_kind this_kind = mp_kind_of(view);
            const Py_ssize_t this_size = mp_count(view);
            if (s == 0) {
                kind = this_kind;
                size = this_size;
                if (kind != MP_F32 && kind != MP_F64) goto refuse;
            } else if (this_kind != kind) {
                goto refuse;
            } else if (this_size != (s >= slots - scalar_slots ? 1 : size)) {
                PyErr_Format(PyExc_ValueError, "%s[%zd] has %zd elements where %zd are expected (the parameter has %zd)",
                             names[s], i, this_size, s >= slots - scalar_slots ? (Py_ssize_t)1 : size, size);
                gathered_free(all);
                return -1;
            }
            all->data[k * slots + s] = view->buf;
        }
        if (!mp_get(grad, &all->grads[k], 0)) goto refuse;
        all->n++;
        if (mp_kind_of(&all->grads[k]) != kind) goto refuse;
        if (mp_count(&all->grads[k]) != size) {
            PyErr_Format(PyExc_ValueError, "grads[%zd] has %zd elements, its parameter has %zd", i,
                         mp_count(&all->grads[k]), size);
            gathered_free(all);
            return -1;
        }
        all->sizes[k] = size;
        all->index[k] = i;
        all->kind[k] = (unsigned char)kind;
        all->total += size;
    }
    return 1;

refuse:
    gathered_free(all);
    return 0;
}

#define SMALL_NUMBERS 96

/* Reads `count` settings, each a number or a list of numbers, into a table [count][n]: they are Python objects, and
 * the work runs without the GIL. `small` is used while it suffices. NULL with an exception set. */
static double *read_numbers(double small[SMALL_NUMBERS], PyObject *const *objs, const char *const *names, int count,
                            Py_ssize_t length, const Gathered *all) {
    double *table = small;
    if (count * all->n > SMALL_NUMBERS && !(table = PyMem_Malloc((size_t)(count * all->n) * sizeof(double)))) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int c = 0; c < count; c++) {
        Numbers numbers;
        if (numbers_init(&numbers, objs[c], names[c], length) < 0) goto fail;
        for (Py_ssize_t k = 0; k < all->n; k++)
            if (numbers_get(&numbers, all->index[k], &table[c * all->n + k]) < 0) goto fail;
    }
    return table;
fail:
    if (table != small) PyMem_Free(table);
    return NULL;
}

static Py_ssize_t length_of(PyObject *list) { return PyList_Check(list) ? PyList_Size(list) : PyTuple_Size(list); }

/* ---- The functions ---------------------------------------------------------------------------------------------- */

static const char adam_doc[] =
    "adam(cache, params, grads, moment1, moment2, beta1_pow, beta2_pow, lr, beta1, beta2, epsilon,\n"
    "     coeff=0.0, l2=0.0, scale=1.0) -> bool\n\n"
    "Adam for a list of parameters, in place; AdamW where coeff is not 0. lr, coeff, l2 and scale are numbers or\n"
    "lists of one number per parameter. False: some array cannot be served and nothing was changed.";

static PyObject *adam(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char *const list_names[] = {"params", "moment1", "moment2", "beta1_pow", "beta2_pow"};
    static const char *const number_names[] = {"lr", "coeff", "l2", "scale"};
    if (mp_check_count("adam", nargs, 11, 14) < 0) return NULL;
    double fixed[3], small[SMALL_NUMBERS];
    if (mp_doubles(args + 8, fixed, 3) < 0) return NULL;
    PyObject *lists[] = {args[1], args[3], args[4], args[5], args[6]};
    PyObject *numbers[] = {args[7], nargs > 11 ? args[11] : mp_zero, nargs > 12 ? args[12] : mp_zero,
                           nargs > 13 ? args[13] : mp_one};
    Gathered all;
    const int served = gather(&all, args[0], lists, list_names, 5, 2, args[2]);
    if (served < 0) return NULL;
    if (!served) Py_RETURN_FALSE;
    double *table = read_numbers(small, numbers, number_names, 4, length_of(args[1]), &all);
    if (!table) {
        gathered_free(&all);
        return NULL;
    }
    const double beta1 = fixed[0], beta2 = fixed[1], epsilon = fixed[2];
    MP_BEGIN_WORK(all.total)
    for (Py_ssize_t k = 0; k < all.n; k++) {
        void **data = all.data + k * 5;
        const double lr = table[k], coeff = table[all.n + k], l2 = table[2 * all.n + k], scale = table[3 * all.n + k];
        double rate, eps, keep;
        if (all.kind[k] == MP_F32) { /* in the parameter's own type, as Paddle computes them */
            float *pow1 = data[3], *pow2 = data[4];
            const float root = sqrtf(1.0f - *pow2);
            rate = (float)lr * (root / (1.0f - *pow1));
            eps = (float)epsilon * root;
            keep = 1.0f - (float)lr * (float)coeff;
            *pow1 *= (float)beta1;
            *pow2 *= (float)beta2;
        } else {
            double *pow1 = data[3], *pow2 = data[4];
            const double root = sqrt(1.0 - *pow2);
            rate = lr * (root / (1.0 - *pow1));
            eps = epsilon * root;
            keep = 1.0 - lr * coeff;
            *pow1 *= beta1;
            *pow2 *= beta2;
        }
        SELECT_TABLE(optim, all.kind[k] == MP_F64)
            ->adam(all.sizes[k], data[0], all.grads[k].buf, data[1], data[2], rate, beta1, beta2, eps, keep, scale, l2);
    }
    MP_END_WORK
    if (table != small) PyMem_Free(table);
    gathered_free(&all);
    Py_RETURN_TRUE;
}

static const char sgd_doc[] =
    "sgd(cache, params, grads, lr, l2=0.0, scale=1.0) -> bool\n\n"
    "Stochastic gradient descent for a list of parameters, in place. lr, l2 and scale are numbers or lists of one\n"
    "number per parameter. False: some array cannot be served and nothing was changed.";

static PyObject *sgd(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char *const list_names[] = {"params"};
    static const char *const number_names[] = {"lr", "l2", "scale"};
    if (mp_check_count("sgd", nargs, 4, 6) < 0) return NULL;
    double small[SMALL_NUMBERS];
    PyObject *numbers[] = {args[3], nargs > 4 ? args[4] : mp_zero, nargs > 5 ? args[5] : mp_one};
    Gathered all;
    const int served = gather(&all, args[0], &args[1], list_names, 1, 0, args[2]);
    if (served < 0) return NULL;
    if (!served) Py_RETURN_FALSE;
    double *table = read_numbers(small, numbers, number_names, 3, length_of(args[1]), &all);
    if (!table) {
        gathered_free(&all);
        return NULL;
    }
    MP_BEGIN_WORK(all.total)
    for (Py_ssize_t k = 0; k < all.n; k++)
        SELECT_TABLE(optim, all.kind[k] == MP_F64)
            ->sgd(all.sizes[k], all.data[k], all.grads[k].buf, table[k], table[2 * all.n + k], table[all.n + k]);
    MP_END_WORK
    if (table != small) PyMem_Free(table);
    gathered_free(&all);
    Py_RETURN_TRUE;
}

static const char momentum_doc[] =
    "momentum(cache, params, grads, velocity, lr, mu, use_nesterov=False, l2=0.0, scale=1.0) -> bool\n\n"
    "Momentum for a list of parameters, in place. lr, l2 and scale are numbers or lists of one number per parameter.\n"
    "False: some array cannot be served and nothing was changed.";

static PyObject *momentum(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const char *const list_names[] = {"params", "velocity"};
    static const char *const number_names[] = {"lr", "l2", "scale"};
    if (mp_check_count("momentum", nargs, 6, 9) < 0) return NULL;
    double mu, small[SMALL_NUMBERS];
    if (mp_doubles(args + 5, &mu, 1) < 0) return NULL;
    const int nesterov = nargs > 6 ? PyObject_IsTrue(args[6]) : 0;
    if (nesterov < 0) return NULL;
    PyObject *lists[] = {args[1], args[3]};
    PyObject *numbers[] = {args[4], nargs > 7 ? args[7] : mp_zero, nargs > 8 ? args[8] : mp_one};
    Gathered all;
    const int served = gather(&all, args[0], lists, list_names, 2, 0, args[2]);
    if (served < 0) return NULL;
    if (!served) Py_RETURN_FALSE;
    double *table = read_numbers(small, numbers, number_names, 3, length_of(args[1]), &all);
    if (!table) {
        gathered_free(&all);
        return NULL;
    }
    MP_BEGIN_WORK(all.total)
    for (Py_ssize_t k = 0; k < all.n; k++)
        SELECT_TABLE(optim, all.kind[k] == MP_F64)
            ->momentum(all.sizes[k], all.data[2 * k], all.grads[k].buf, all.data[2 * k + 1], table[k], mu, nesterov,
                       table[2 * all.n + k], table[all.n + k]);
    MP_END_WORK
    if (table != small) PyMem_Free(table);
    gathered_free(&all);
    Py_RETURN_TRUE;
}

/* One parameter of an update: its arrays and gradient, its settings, and those that all parameters share. */
typedef void (*Apply)(const struct optim_loops *loops, ptrdiff_t size, void **data, const void *grad, int is_double,
                      const double *own, const double *shared);

/* The shape of an update: args are (cache, params, grads, accumulators.., lr, shared.., own..). The accumulators end in
 * `scalars` arrays of one element. `own` are further settings that may be lists; the last two are l2 and scale. */
typedef struct {
    const char *name;
    int accumulators, scalars, shared, own;
    Apply apply;
} Update;

#define MAX_OWN 4
#define MAX_SHARED 4

static PyObject *run_update(const Update *update, PyObject *const *args, Py_ssize_t nargs) {
    static const char *const list_names[] = {"params", "accumulator 1", "accumulator 2", "accumulator 3", "accumulator 4"};
    static const char *const own_names[] = {"lr", "setting 1", "setting 2", "setting 3", "setting 4"};
    const int lists_end = 3 + update->accumulators, own_begin = lists_end + 1 + update->shared;
    const int count = own_begin + update->own;
    if (mp_check_count(update->name, nargs, count, count) < 0) return NULL;
    double shared[MAX_SHARED], small[SMALL_NUMBERS];
    if (mp_doubles(args + lists_end + 1, shared, update->shared) < 0) return NULL;
    PyObject *lists[MAX_SLOTS], *numbers[1 + MAX_OWN];
    lists[0] = args[1];
    for (int i = 0; i < update->accumulators; i++) lists[1 + i] = args[3 + i];
    numbers[0] = args[lists_end];
    for (int i = 0; i < update->own; i++) numbers[1 + i] = args[own_begin + i];
    Gathered all;
    const int slots = 1 + update->accumulators;
    const int served = gather(&all, args[0], lists, list_names, slots, update->scalars, args[2]);
    if (served < 0) return NULL;
    if (!served) Py_RETURN_FALSE;
    double *table = read_numbers(small, numbers, own_names, 1 + update->own, length_of(args[1]), &all);
    if (!table) {
        gathered_free(&all);
        return NULL;
    }
    MP_BEGIN_WORK(all.total)
    for (Py_ssize_t k = 0; k < all.n; k++) {
        double own[1 + MAX_OWN];
        for (int c = 0; c <= update->own; c++) own[c] = table[c * all.n + k];
        const int is_double = all.kind[k] == MP_F64;
        update->apply(SELECT_TABLE(optim, is_double), all.sizes[k], all.data + k * slots, all.grads[k].buf, is_double,
                      own, shared);
    }
    MP_END_WORK
    if (table != small) PyMem_Free(table);
    gathered_free(&all);
    Py_RETURN_TRUE;
}

static void apply_rmsprop(const struct optim_loops *loops, ptrdiff_t size, void **data, const void *grad, int is_double,
                          const double *own, const double *shared) {
    (void)is_double;
    loops->rmsprop(size, data[0], grad, data[1], data[2], shared[3] != 0 ? data[3] : NULL, own[0], shared[0], shared[1],
                   shared[2], own[2], own[1]);
}

static const char rmsprop_doc[] =
    "rmsprop(cache, params, grads, moment, mean_square, mean_grad, lr, rho, epsilon, mu, centered, l2, scale) -> bool\n\n"
    "RMSProp for a list of parameters, in place. lr, l2 and scale are numbers or lists of one number per parameter.\n"
    "False: some array cannot be served and nothing was changed.";

static PyObject *rmsprop(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const Update update = {"rmsprop", 3, 0, 4, 2, apply_rmsprop};
    return run_update(&update, args, nargs);
}

static void apply_adagrad(const struct optim_loops *loops, ptrdiff_t size, void **data, const void *grad, int is_double,
                          const double *own, const double *shared) {
    (void)is_double;
    loops->adagrad(size, data[0], grad, data[1], own[0], shared[0], own[2], own[1]);
}

static const char adagrad_doc[] =
    "adagrad(cache, params, grads, moment, lr, epsilon, l2, scale) -> bool\n\n"
    "Adagrad for a list of parameters, in place. lr, l2 and scale are numbers or lists of one number per parameter.\n"
    "False: some array cannot be served and nothing was changed.";

static PyObject *adagrad(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const Update update = {"adagrad", 1, 0, 1, 2, apply_adagrad};
    return run_update(&update, args, nargs);
}

static void apply_lamb(const struct optim_loops *loops, ptrdiff_t size, void **data, const void *grad, int is_double,
                       const double *own, const double *shared) {
    double left1, left2;
    if (is_double) {
        double *pow1 = data[3], *pow2 = data[4];
        left1 = 1.0 - *pow1, left2 = 1.0 - *pow2;
        *pow1 *= shared[0], *pow2 *= shared[1];
    } else {
        float *pow1 = data[3], *pow2 = data[4];
        left1 = 1.0f - *pow1, left2 = 1.0f - *pow2;
        *pow1 *= (float)shared[0], *pow2 *= (float)shared[1];
    }
    loops->lamb(size, data[0], grad, data[1], data[2], own[0], shared[0], shared[1], shared[2], left1, left2, own[1],
                shared[3] != 0 || own[1] > 0, own[3], own[2]);
}

static const char lamb_doc[] =
    "lamb(cache, params, grads, moment1, moment2, beta1_pow, beta2_pow, lr, beta1, beta2, epsilon, always_adapt,\n"
    "     decay, l2, scale) -> bool\n\n"
    "LAMB for a list of parameters, in place. lr, decay, l2 and scale are numbers or lists of one number per parameter.\n"
    "False: some array cannot be served and nothing was changed.";

static PyObject *lamb(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    static const Update update = {"lamb", 4, 2, 4, 3, apply_lamb};
    return run_update(&update, args, nargs);
}

static const char squared_norms_doc[] =
    "squared_norms(arrays) -> list[float] | None\n\n"
    "The sum of squares of each array of a list or tuple (for gradient clipping); None if one cannot be served.";

static PyObject *squared_norms(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    (void)module;
    if (mp_check_count("squared_norms", nargs, 1, 1) < 0) return NULL;
    Items items;
    if (items_init(&items, args[0], "arrays", -1) < 0) return NULL;
    PyObject *result = PyList_New(items.size);
    if (!result) return NULL;
    for (Py_ssize_t i = 0; i < items.size; i++) {
        Py_buffer view;
        if (!mp_get(items_get(&items, i), &view, 0)) {
            Py_DECREF(result);
            Py_RETURN_NONE;
        }
        const enum mp_kind kind = mp_kind_of(&view);
        double norm = 0;
        if (kind == MP_F32 || kind == MP_F64) {
            const Py_ssize_t size = mp_count(&view);
            MP_BEGIN_WORK(size)
            norm = SELECT_TABLE(optim, kind == MP_F64)->squared_norm(size, view.buf);
            MP_END_WORK
        }
        PyBuffer_Release(&view);
        PyObject *number = kind == MP_F32 || kind == MP_F64 ? PyFloat_FromDouble(norm) : NULL;
        if (!number || PyList_SetItem(result, i, number) < 0) {
            Py_DECREF(result);
            if (PyErr_Occurred()) return NULL;
            Py_RETURN_NONE;
        }
    }
    return result;
}

PyMethodDef mp_optim_methods[] = {
    MP_FUNCTION("adam", adam, adam_doc),
    MP_FUNCTION("sgd", sgd, sgd_doc),
    MP_FUNCTION("momentum", momentum, momentum_doc),
    MP_FUNCTION("rmsprop", rmsprop, rmsprop_doc),
    MP_FUNCTION("adagrad", adagrad, adagrad_doc),
    MP_FUNCTION("lamb", lamb, lamb_doc),
    MP_FUNCTION("squared_norms", squared_norms, squared_norms_doc),
    {NULL, NULL, 0, NULL},
};
