// test.evil_objective: breaks the contract in the way that parameter `what` names.
#include <samara/samara.hpp>

#include <stdexcept>

namespace {

using samara::call;
using samara::Tensor;

samara_tensor kept = 0;  // a handle of an earlier call

struct Evil {
    static constexpr samara_param params[] = {
        samara::param::string("what", "\"nothing\"", "the way")};
    static constexpr const char* columns[] = {"score", "rel.margin?"};
    static constexpr samara_loss losses[] = {samara::loss("evil", SAMARA_PER_CANDIDATE)};
    std::string what;
    explicit Evil(const samara::Params& p) : what(p.string("what")) {
        if (what == "create fails") {
            samara::fail("beta and alpha cannot both be 0");
        }
        if (what == "undeclared parameter") {
            p.number("gamma");
        }
        if (what == "create throws") {
            throw std::runtime_error("constructor bug");
        }
    }
    void forward(std::span<const Tensor> in, std::span<Tensor> out) {
        const Tensor& x = in[0];
        if (throws()) {
            return;
        }
        if (operators(x, out)) {
            return;
        }
        out[0] = square(x);
        if (what == "metric of another shape") {
            const double two[] = {1, 2};
            samara::metric("m", SAMARA_PER_CANDIDATE, two);
        } else if (what == "metric with unknown level") {
            samara::metric("m", 17, x);
        } else if (what == "good metrics") {
            samara::metric("mean", 2.5);
            samara::metric("items", SAMARA_PER_CANDIDATE, x * 3.0);
        } else if (what == "parallel body throws") {
            samara::parallel_for(
                0, 4, 1, [](int64_t, int64_t) { throw std::runtime_error("body bug"); });
        } else if (what == "undeclared columns are absent") {
            out[0] = in[1] ? square(x) * 0.0 : square(x);
        } else if (what == "cancelled") {
            samara::stop_if_cancelled();
        }
    }
    bool throws() const {
        if (what == "throws exception") {
            throw std::runtime_error("plugin bug");
        }
        if (what == "throws int") {
            throw 42;
        }
        if (what == "numeric") {
            samara::fail("exp overflowed", SAMARA_NUMERIC);
        }
        return what == "missing";
    }
    bool operators(const Tensor& x, std::span<Tensor> out) const {
        const int64_t minus_one[] = {-1};
        const int64_t two[] = {2, 2};
        if (what == "detached") {
            out[0] = detach(x) * 2.0;
        } else if (what == "nan") {
            out[0] = log(x * 0.0 - 1.0);
        } else if (what == "integer") {
            out[0] = call<"aten::to.dtype(self, dtype)">(x, samara::Dtype::i64);
        } else if (what == "scalar") {
            out[0] = sum(x);
        } else if (what == "shape") {
            out[0] = call<"aten::view(self, size)">(x, std::span<const int64_t>(two));
        } else if (what == "writes input") {
            call<"aten::mul_.Scalar(self, other)">(x, 2.0);
        } else if (what == "writes a view") {
            const Tensor v = call<"aten::view(self, size)">(x, std::span<const int64_t>(minus_one));
            call<"aten::zero_(self)">(v);
        } else if (what == "writes by out") {
            const Tensor y = x * 2.0;
            call<"aten::add.out(self, other, out)">(y, y, detach(x));
        } else if (what == "writes in a list") {
            const samara_tensor list[] = {x.handle()};
            samara::call_into<"aten::_foreach_mul_.Scalar(self, scalar)">(
                {}, std::span<const samara_tensor>(list), 2.0);
        } else if (what == "no such operator") {
            call<"aten::no_such_op(self)">(x);
        } else if (what == "no such argument") {
            call<"aten::sum.dim_IntList(self, dimension)">(x, 0);
        } else if (what == "argument without default") {
            call<"aten::mul.Tensor(self)">(x);
        } else if (what == "random") {
            call<"aten::rand_like(self)">(x);
        } else if (what == "stale") {
            if (kept == 0) {
                Tensor t = x * 2.0;
                kept = t.give();
                out[0] = square(x);
            } else {
                out[0] = x + Tensor::borrow(kept);
            }
        } else if (what == "invented") {
            out[0] = x + Tensor::borrow(12345);
        } else if (what == "released") {
            samara_tensor handle = 0;
            {
                const Tensor t = x * 2.0;
                handle = t.handle();
            }
            out[0] = x + Tensor::borrow(handle);
        } else if (what == "operator fails") {
            out[0] = call<"aten::index_select(self, dim, index)">(x, 0, x);
        } else if (what == "requires_grad_") {
            call<"aten::requires_grad_(self)">(x);
        } else if (what == "outside aten") {
            out[0] = call<"prim::device(a)">(x);
        } else if (what == "bare dtype") {
            out[0] = call<"aten::to.dtype(self, dtype)">(x, int64_t{6});
        } else if (what == "writes own tensor") {
            Tensor t = x * 2.0;
            call<"aten::add_.Scalar(self, other)">(t, 1.0);
            out[0] = std::move(t);
        } else if (what == "leaks") {
            for (int i = 0; i < 100; ++i) {
                (x * 2.0).give();
            }
            out[0] = square(x);
        } else {
            return false;
        }
        return true;
    }
};

/// Leaves its loss unwritten, or writes a gradient that is not finite.
struct EvilArrays {
    static constexpr samara_param params[] = {
        samara::param::string("what", "\"nothing\"", "the way")};
    static constexpr const char* columns[] = {"score"};
    static constexpr samara_loss losses[] = {samara::loss("evil", SAMARA_PER_CANDIDATE)};
    std::string what;
    explicit EvilArrays(const samara::Params& p) : what(p.string("what")) {}
    void value_and_grad(std::span<const samara_array> in,
                        std::span<const samara_array> /*weights*/,
                        std::span<const samara_array> losses_out,
                        std::span<const samara_array> grads) const {
        const int64_t n = in[0].shape[0];
        auto* input = static_cast<double*>(in[0].data);
        auto* loss = static_cast<double*>(losses_out[0].data);
        auto* grad = static_cast<double*>(grads[0].data);
        for (int64_t i = 0; i < n; ++i) {
            loss[i] = what == "forgets" && i == n - 1 ? loss[i] : input[i];
            if (grad != nullptr) {
                grad[i] = what == "infinite gradient" ? samara::kInfinity : 1.0;
            }
            if (what == "writes input") {
                input[i] = 77;
            }
        }
    }
};

/// Weighs by a column of the caller.
struct Weigher {
    static constexpr samara_param params[] = {
        samara::param::number("factor", "1.0", -10, 10, "of the label")};
    static constexpr const char* columns[] = {"score", "label"};
    static constexpr samara_loss losses[] = {samara::loss("w", SAMARA_PER_CANDIDATE)};
    double factor;
    explicit Weigher(const samara::Params& p) : factor(p.number("factor")) {}
    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = square(in[0]);
    }
    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        for (int64_t i = 0; in[0].data == nullptr && i < in[1].shape[0]; ++i) {
            static_cast<double*>(weights[0].data)[i] *=
                factor * static_cast<const double*>(in[1].data)[i];
        }
    }
};

constexpr samara_plugin kEvil =
    samara::objective<Evil>({.id = "test.evil_objective", .doc = "evil"});
constexpr samara_plugin kArrays =
    samara::objective<EvilArrays>({.id = "test.evil_arrays", .doc = "evil"});
constexpr samara_plugin kWeigher =
    samara::objective<Weigher>({.id = "test.weigher", .doc = "weighs by label"});

}  // namespace

SAMARA_PLUGINS(&kEvil, &kArrays, &kWeigher)
