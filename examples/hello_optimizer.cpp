// hello_optimizer.cpp - a whole optimizer: gradient descent with momentum, on any device, without
// linking LibTorch.
//
//   c++ -std=c++20 -shared -fPIC -I sdk/include hello_optimizer.cpp -o hello_optimizer.so
//   samara plugins check hello_optimizer.so
//
// then [plugins] load = ["hello_optimizer.so"] and [optimizer] plugin = "example.hello_optimizer"
// in a run's file.
#include <samara/optimizer.hpp>

namespace {

class Momentum {
public:
    static constexpr samara_param params[] = {samara::param::number("momentum",
                                                                    "0.9",
                                                                    0,
                                                                    1,
                                                                    "share of the last step",
                                                                    SAMARA_P_OPEN_MAX)};

    explicit Momentum(const samara::Params& params) : momentum_(params.number("momentum")) {}

    // One tensor of state per parameter, of its shape and type, filled with 0.  The host keeps it
    // in its checkpoints.
    std::span<const samara_slot> slots(const samara_param_info& /*param*/) const { return kSlots; }

    // v <- momentum * v + g;  p <- p - lr * v.  A _foreach_ operator takes all parameters at once.
    void step(const samara::Step& step) const {
        samara::call_into<"aten::_foreach_mul_.Scalar(self, scalar)">({}, step.slots(0), momentum_);
        samara::call_into<"aten::_foreach_add_.List(self, other)">({}, step.slots(0), step.grads());
        samara::call_into<"aten::_foreach_add_.List(self, other, alpha)">(
            {}, step.params(), step.slots(0), -step.lr());
    }

private:
    static constexpr samara_slot kSlots[] = {samara::slot("velocity")};
    double momentum_;
};

constexpr samara_plugin kPlugin =
    samara::optimizer<Momentum>({.id = "example.hello_optimizer",
                                 .doc = "Gradient descent with momentum.",
                                 .formula = "v = momentum*v + g; p -= lr*v",
                                 .source = "Polyak 1964"});

}  // namespace

SAMARA_PLUGINS(&kPlugin)
