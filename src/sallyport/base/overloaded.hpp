#pragma once
// One function object of several, for std::visit: each alternative of a variant gets the one that takes it. A value; any
// thread.

namespace sallyport {

template <class... F>
struct overloaded : F... {
    using F::operator()...;
};

}  // namespace sallyport
