// tensor.hpp - tensors and operators for plugins.  A tensor is a handle: the host owns the memory
// and runs every operator with its own LibTorch, so a plugin links none and works with whatever
// version the host has.
//
//   Tensor z = 0.1 * columns[0] - columns[1];
//   losses[0] = -log_sigmoid(z);
//
// What is not listed at the end of this file is one line away: call<"aten::NAME(arguments)">(...),
// with the names of LibTorch's own schemas (native_functions.yaml).
//
// Autograd Operators record gradients exactly as in C++ or Python.  Columns of the host are
//          read-only: an in-place operator on one of them, or on a view of one, is refused before
//          it runs, and the run stops.  In an evaluation, and in optimizers, nothing is recorded.
// Lifetime No tensor survives the call that made it; a handle kept beyond is detected and refused.
// Threads  The thread of the call only; never inside parallel_for.
// Errors   As in core.hpp: a refused operator throws Failure (or is remembered without exceptions).
//          The text is LibTorch's, after the operator's name: shapes that do not match, and so on.
//          Nothing looks at values: a loss that is not finite is found when it is handed over.
// Cost     About 0.1 us an operator beside LibTorch's own work.
// Devices  Columns lie on the device of the call, and so does what an operator makes without naming
//          one.  item() waits for the device; a loss needs no such number.
// Dtypes   float32 in training, float64 in checks: write code that works in both (constants are
//          doubles here and take the tensor's type).  meta.KEY is float64, indices are int64.
// Refused  Operators outside aten::; set_data, _backward, requires_grad_, retain_grad, detach_,
//          set_, resize_, resize_as_, rename_, from_file, record_stream, which change what the host
//          owns; operators that draw random numbers (dropout, rand, bernoulli, ..., and
//          scaled_dot_product_attention, which may).  Constants that look random come from plain
//          memory: Random in records.hpp and from_array().
#pragma once
#include "core.hpp"

#include <atomic>
#include <concepts>
#include <cstring>

namespace samara {

/// Owns or borrows one handle.  It is freed with this object, or by the host at the end of the
/// call, whichever comes first.  Kept in a member beyond the call it is harmless and useless:
/// refused.  Move-only; an empty Tensor means "none" (an absent optional column).
///
/// A second name for one tensor is borrow(t.handle()), good while t lives.  The graph keeps alive
/// what backward needs, so a temporary that dies early costs nothing and loses nothing.
class Tensor {
public:
    /// Empty: "none" as an argument, "missing" as a loss.
    Tensor() = default;
    ~Tensor() { reset(); }
    /// A move leaves the source empty.
    Tensor(Tensor&& other) noexcept
        : handle_(std::exchange(other.handle_, 0)), owned_(other.owned_) {}
    Tensor& operator=(Tensor&& other) noexcept {
        if (this != &other) {
            reset();
            handle_ = std::exchange(other.handle_, 0);
            owned_ = other.owned_;
        }
        return *this;
    }
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;

    /// Takes a handle that an operator returned; it is freed with this object.  0 gives an empty
    /// Tensor.
    static Tensor own(samara_tensor handle) { return Tensor(handle, true); }
    /// Refers to a handle of the host (a column, a parameter) or of another Tensor; never frees it.
    static Tensor borrow(samara_tensor handle) { return Tensor(handle, false); }
    /// For C functions; stays owned by this object.
    samara_tensor handle() const { return handle_; }
    /// Hands the tensor to the host as a result; this object is empty afterwards.  A column handed
    /// back as it came is a result like any other.
    samara_tensor give() { return std::exchange(handle_, 0); }
    /// False for an absent optional column, and for a result after a remembered failure.
    explicit operator bool() const { return handle_ != 0; }

private:
    Tensor(samara_tensor handle, bool owned) : handle_(handle), owned_(owned) {}
    // Outside a call there is nothing to free: the host dropped the call's tensors when it ended.
    void reset() {
        if (handle_ != 0 && owned_ && context.tensors != nullptr) {
            context.tensors->release(context.call, handle_);
        }
        handle_ = 0;
    }
    samara_tensor handle_ = 0;
    bool owned_ = false;
};

/// Types of elements: call<"aten::to.dtype(self, dtype)">(x, Dtype::f64).  A bare int is refused
/// there, because LibTorch's own numbers are no part of the contract.  The other way round,
/// describe(x).dtype gives one of these, or 0 for a type that is not among them.
enum class Dtype : int64_t {
    boolean = SAMARA_BOOL,
    i64 = SAMARA_I64,
    i32 = SAMARA_I32,
    f64 = SAMARA_F64,
    f32 = SAMARA_F32,
    bf16 = SAMARA_BF16,
    f16 = SAMARA_F16,
    u8 = SAMARA_U8
};

/// An optional argument that is left out on purpose: clamp(x, 0.0, none).  Refused where the schema
/// wants a value; an argument with a default is left out of the signature instead.
struct None {};
inline constexpr None none;

/// An operator argument, made implicitly from what it can be:
///
///   C++                          type in the schema (any other pair is refused, with both named)
///   Tensor                       Tensor, Tensor? (an empty one is None)
///   bool, integer, double        bool, Scalar; int, float, bool, Scalar; float, Scalar
///   integer                      also int[1], as in dim=0
///   Dtype, const char*           ScalarType; str, Device ("cpu")
///   span<const int64_t>          int[], SymInt[]
///   span<const double>           float[], Scalar[]
///   span<const samara_tensor>    Tensor[], Tensor?[] (0 is None)
///   none                         anything optional
///
/// Borrows lists and texts: they must live until the operator has run, which they do when written
/// inside the call.  A vector or array becomes a span by name, a std::string a text by c_str():
///     const int64_t dims[] = {0, 2};
///     call<"aten::sum.dim_IntList(self, dim)">(x, std::span<const int64_t>(dims));
struct Value {
    samara_value v{};
    Value(const Tensor& t) {
        v.tag = t ? SAMARA_TENSOR : SAMARA_NONE;
        v.u.t = t.handle();
    }
    Value(bool b) {
        v.tag = SAMARA_TRUTH;
        v.u.i = b ? 1 : 0;
    }
    template <std::integral I>
    requires(!std::same_as<I, bool>) Value(I i) {
        v.tag = SAMARA_INT;
        v.u.i = static_cast<int64_t>(i);
    }
    Value(double d) {
        v.tag = SAMARA_FLOAT;
        v.u.d = d;
    }
    Value(None) {}
    Value(Dtype d) {
        v.tag = SAMARA_DTYPE;
        v.u.i = static_cast<int64_t>(d);
    }
    Value(const char* s) {
        v.tag = SAMARA_STRING;
        v.len = static_cast<int64_t>(std::strlen(s));
        v.u.s = s;
    }
    Value(std::span<const int64_t> list) {
        v.tag = SAMARA_INTS;
        v.len = static_cast<int64_t>(list.size());
        v.u.ints = list.data();
    }
    Value(std::span<const double> list) {
        v.tag = SAMARA_FLOATS;
        v.len = static_cast<int64_t>(list.size());
        v.u.floats = list.data();
    }
    Value(std::span<const samara_tensor> list) {
        v.tag = SAMARA_TENSORS;
        v.len = static_cast<int64_t>(list.size());
        v.u.tensors = list.data();
    }
};

/// An operator's signature as a template argument: "aten::NAME.OVERLOAD(argument, argument)".  A
/// literal, so that every call site resolves once and a misspelt one is found by its first run.
template <size_t N>
struct Signature {
    char text[N]{};
    consteval Signature(const char (&s)[N]) {
        for (size_t i = 0; i < N; ++i) { text[i] = s[i]; }
    }
};

/// Runs any ATen operator, named by its schema and the arguments that are passed, in the caller's
/// own order:
///     call_into<"aten::sum.dim_IntList(self, dim, keepdim)">(results, x, dims, true);
/// Arguments that are not named take the schema's defaults, so a later LibTorch with more defaults
/// runs the same code.  Resolved once per process; a misspelt operator or argument fails the first
/// call with a message. Refused: operators outside aten::, those that change what the host owns,
/// and random ones: no call of this ABI version is seeded.
///
/// results  one value per result, in the schema's order; fewer drop the rest, {} drops all (what an
///          in-place operator returns is its argument).  A tensor in it must be given to
///          Tensor::own, lists die with the call; an undefined tensor is SAMARA_NONE
/// device   an operator that takes one and is told none uses that of the call
/// errors   as in core.hpp; SAMARA_UNSUPPORTED where the host offers no tensors
/// example  call_into<"aten::_foreach_mul_.Scalar(self, scalar)">({}, step.params(), 0.99);
template <Signature signature, class... A>
void call_into(std::span<samara_value> results, const A&... arguments) {
    static std::atomic<const samara_op*> resolved{nullptr};
    if (context.status != SAMARA_OK) { return; }
    if (context.tensors == nullptr) {
        fail("this call has no tensors", SAMARA_UNSUPPORTED);
        return;
    }
    const samara_op* op = resolved.load(std::memory_order_acquire);
    if (op == nullptr) {
        check(context.tensors->resolve(context.call, signature.text, &op));
        if (op == nullptr) { return; }
        resolved.store(op, std::memory_order_release);
    }
    const std::array<samara_value, sizeof...(A)> values{Value(arguments).v...};
    check(context.tensors->invoke(context.call, op, values.data(),
                                  static_cast<int64_t>(values.size()), results.data(),
                                  static_cast<int64_t>(results.size())));
}

/// An operator with one tensor as its result: call<"aten::cumsum(self, dim)">(x, 0).  Of several
/// results, the first.  Empty when the result is undefined or no tensor.
template <Signature signature, class... A>
Tensor call(const A&... arguments) {
    samara_value r{};
    call_into<signature>({&r, 1}, arguments...);
    return Tensor::own(r.tag == SAMARA_TENSOR ? r.u.t : 0);
}

/// An operator with n tensors as results: call_many<"aten::sort(self, dim)", 2>(x, 0) gives
/// {values, indices}.
template <Signature signature, size_t n, class... A>
std::array<Tensor, n> call_many(const A&... arguments) {
    std::array<samara_value, n> r{};
    call_into<signature>(r, arguments...);
    std::array<Tensor, n> out;
    for (size_t i = 0; i < n; ++i) {
        out[i] = Tensor::own(r[i].tag == SAMARA_TENSOR ? r[i].u.t : 0);
    }
    return out;
}

/// An operator that returns a list of tensors: call_list<"aten::split.Tensor(self, split_size)">.
/// They own their handles; views share the memory of what they were made from.
template <Signature signature, class... A>
std::vector<Tensor> call_list(const A&... arguments) {
    samara_value r{};
    call_into<signature>({&r, 1}, arguments...);
    std::vector<Tensor> out;
    for (int64_t i = 0; r.tag == SAMARA_TENSORS && i < r.len; ++i) {
        out.push_back(Tensor::own(r.u.tensors[i]));
    }
    return out;
}

/// An operator that returns a number (aten::item): waits for the device.  Ints and bools come as
/// doubles, exact up to 2^53; no gradient passes through.
template <Signature signature, class... A>
double call_number(const A&... arguments) {
    samara_value r{};
    call_into<signature>({&r, 1}, arguments...);
    return r.tag == SAMARA_FLOAT ? r.u.d : static_cast<double>(r.u.i);
}

/// Shape and dtype of a tensor: describe(x).shape[0] is R, N or T.  `data` is set only for dense
/// tensors in the CPU's memory; read it, never write: it is the tensor's own.  Valid while the
/// tensor lives, in the call at most.  Without exceptions a failure gives shape NULL.
inline samara_array describe(const Tensor& t) {
    samara_array out{};
    if (context.status == SAMARA_OK && context.tensors != nullptr) {
        check(context.tensors->describe(context.call, t.handle(), &out));
    }
    return out;
}

/// A tensor on the device of the call, from plain memory.  Copies; dtype and shape as given, no
/// gradient.  Errors: an unknown dtype code.
///     const int64_t shape[] = {n};
///     Tensor t = from_array({SAMARA_F64, 1, shape, values.data()});
inline Tensor from_array(const samara_array& array) {
    samara_tensor handle = 0;
    if (context.status == SAMARA_OK && context.tensors != nullptr) {
        check(context.tensors->from_array(context.call, &array, &handle));
    }
    return Tensor::own(handle);
}

// ---- the operators that losses are made of ------------------------------------------------------
//
// All are elementwise with broadcasting unless the name says otherwise; results keep dtype and
// device, but for three things: an integer tensor beside a float one, or beside a double, gives a
// float; a comparison gives bools; sum() and mean() give shape [].  Every one is differentiable by
// its floating arguments where the mathematics is; maximum and minimum share the gradient equally
// between equal sides, relu and clamp follow LibTorch at the bend.
// clang-format off
/// Shapes broadcast as in LibTorch: [R] with [R] or []; [R] with [N] is refused unless one of them
/// is 1.  a and b must lie on one device, which columns always do.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return call<"aten::add.Tensor(self, other)">(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return call<"aten::sub.Tensor(self, other)">(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return call<"aten::mul.Tensor(self, other)">(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return call<"aten::div.Tensor(self, other)">(a, b); }
/// With a number: no tensor is made for it, and the result has the tensor's own precision.
inline Tensor operator+(const Tensor& a, double b) { return call<"aten::add.Scalar(self, other)">(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return call<"aten::sub.Scalar(self, other)">(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return call<"aten::mul.Scalar(self, other)">(a, b); }
inline Tensor operator/(const Tensor& a, double b) { return call<"aten::div.Scalar(self, other)">(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return b + a; }
inline Tensor operator-(double a, const Tensor& b) { return call<"aten::rsub.Scalar(self, other)">(b, a); }
inline Tensor operator*(double a, const Tensor& b) { return b * a; }
inline Tensor operator-(const Tensor& a) { return call<"aten::neg(self)">(a); }
/// Comparisons with a number give a boolean tensor for where(); no gradient.  equal() compares
/// bits of value: for indices and labels, not for results of arithmetic.
inline Tensor operator>(const Tensor& a, double b) { return call<"aten::gt.Scalar(self, other)">(a, b); }
inline Tensor operator<(const Tensor& a, double b) { return call<"aten::lt.Scalar(self, other)">(a, b); }
inline Tensor equal(const Tensor& a, double b) { return call<"aten::eq.Scalar(self, other)">(a, b); }
/// exp is infinite above 88.7 in float32 and log is NaN below 0, -inf at 0: bound the argument, or
/// use log_sigmoid.  log1p(a) = log(1 + a), exact for small a.
inline Tensor exp(const Tensor& a) { return call<"aten::exp(self)">(a); }
inline Tensor log(const Tensor& a) { return call<"aten::log(self)">(a); }
inline Tensor log1p(const Tensor& a) { return call<"aten::log1p(self)">(a); }
/// a * a, and 1 / (1 + exp(-a)), which lies in [0, 1].
inline Tensor square(const Tensor& a) { return call<"aten::square(self)">(a); }
inline Tensor sigmoid(const Tensor& a) { return call<"aten::sigmoid(self)">(a); }
/// log(1 / (1 + exp(-a))), exact for large |a| of either sign: prefer it to log(sigmoid(a)), which
/// is -inf below about a = -90 in float32.  The Bradley-Terry loss is -log_sigmoid(gap).
inline Tensor log_sigmoid(const Tensor& a) { return call<"aten::log_sigmoid(self)">(a); }
/// max(a, 0), with gradient 0 at 0.  A hinge loss is relu(margin - gap).
inline Tensor relu(const Tensor& a) { return call<"aten::relu(self)">(a); }
/// The larger, or smaller, of two, item by item; NaN if either is.  The clipped objective of PPO
/// (arXiv 1707.06347 eq. 7) is -minimum(ratio * a, clamp(ratio, 1 - eps, 1 + eps) * a).
inline Tensor maximum(const Tensor& a, const Tensor& b) { return call<"aten::maximum(self, other)">(a, b); }
inline Tensor minimum(const Tensor& a, const Tensor& b) { return call<"aten::minimum(self, other)">(a, b); }
/// Either bound may be `none`, but not both.
inline Tensor clamp(const Tensor& a, Value low, Value high) { return call<"aten::clamp(self, min, max)">(a, low, high); }
/// a where the boolean tensor c is true, else b.  The other side's gradient is 0, but 0 times an
/// infinite derivative is NaN: make both sides finite.
inline Tensor where(const Tensor& c, const Tensor& a, const Tensor& b) { return call<"aten::where.self(condition, self, other)">(c, a, b); }
/// Rows of a by an int64 index: take(score, rel_i) is [R].  An index out of range fails, and so
/// does the -1 of rel.k and rel.l in preferences: clamp them first, then mask with where().  For
/// gaps of any candidate column ask for the column gap.C instead: the host has made it already.
inline Tensor take(const Tensor& a, const Tensor& index) { return call<"aten::index_select(self, dim, index)">(a, 0, index); }
/// The same values without a gradient.  A loss made of nothing else is refused as detached.
inline Tensor detach(const Tensor& a) { return call<"aten::detach(self)">(a); }
/// Zeros of a's shape, dtype and device; no gradient.  A loss of one part of the items is
/// where(mask, loss, zeros_like(loss)).
inline Tensor zeros_like(const Tensor& a) { return call<"aten::zeros_like(self)">(a); }
/// Over all elements; the result has shape [].  For metrics: the host reduces losses itself, and
/// the mean of an empty tensor is NaN.
inline Tensor sum(const Tensor& a) { return call<"aten::sum(self)">(a); }
inline Tensor mean(const Tensor& a) { return call<"aten::mean(self)">(a); }
/// The number in a one-element tensor.  Waits for the device: not in the path of a loss.
inline double item(const Tensor& a) { return call_number<"aten::item(self)">(a); }
// clang-format on

/// Reports a tensor for metrics.jsonl, averaged by the host over the step and, for relations, per
/// tag.  It has no part in the loss.  One number ([], level SAMARA_SCALAR) or one per item of
/// `level` ([R], [N] or [T]).  The host detaches it, so the tensor itself may be used further.
/// Names and errors as in core.hpp.
///     metric("hinge/violations", SAMARA_PER_RELATION, where(z < 1.0, ones, zeros));
inline void metric(const char* name, int64_t level, const Tensor& values) {
    const Value v(values);
    context.host->metric(context.call, name, level, &v.v);
}

}  // namespace samara
