"""Steps forward and backward: their order, their words."""

import numpy as np

from padl.backprop import formula, trace
from padl.backprop.drawing import circuit
from padl.backprop.drawing.frames import captions, frames
from padl.backprop.drawing.layered_layout import by_layers


def test_steps_go_forward_through_every_operation_and_then_backward_through_them(sigmoid):
    shown = frames(sigmoid)
    assert [frame.phase for frame in shown] == ["inputs"] + ["forward"] * 8 + ["backward"] * 9
    forward, backward = [f.active for f in shown[1:9]], [f.active for f in shown[10:]]
    assert forward == sorted(forward)
    assert backward == forward[::-1]
    assert shown[9].appearing == (f"gradient-result-{sigmoid.outputs[0]}",)


def test_every_number_of_the_picture_appears_at_exactly_one_step(sigmoid):
    for graph in (sigmoid, formula("x*y + x + exp(y)", x=3, y=2)):
        parts = circuit.figure(graph, by_layers).findobj(lambda artist: artist.get_gid() is not None)
        drawn = [p.get_gid() for p in parts if p.get_gid().startswith(("value-", "gradient-", "total-"))]
        appearing = [name for frame in frames(graph) for name in frame.appearing]
        assert sorted(appearing) == sorted(drawn)


def test_a_value_is_there_before_it_is_used_and_a_gradient_before_it_is_passed_on(sigmoid):
    at = {name: i for i, frame in enumerate(frames(sigmoid)) for name in frame.appearing}
    index = {(frame.phase, frame.active): i for i, frame in enumerate(frames(sigmoid))}
    for node in sigmoid:
        for place in range(len(node.parents)):
            if f"value-{node.number}-{place}" in at:
                assert at[f"value-{node.number}-{place}"] < index["forward", node.number]
        for consumer, position, _ in sigmoid.incoming_gradients[node.number] if node.parents else ():
            assert at[f"gradient-{consumer}-{position}"] < index["backward", node.number]


def test_captions_count_the_steps_and_say_what_is_multiplied():
    graph = formula("(x + y) * z", x=-2, y=5, z=-4)
    assert captions(frames(graph)) == [
        "step 0 of 5, inputs: x = -2, y = 5, z = -4",
        "step 1 of 5, forward: x + y = 3",
        "step 2 of 5, forward: (x + y) * z = -12",
        "step 3 of 5, backward: the gradient of the result with respect to itself is 1",
        "step 4 of 5, backward: × sends b · 1 = -4 to x + y; a · 1 = 3 to z",
        "step 5 of 5, backward: + sends 1 · (-4) = -4 to x; 1 · (-4) = -4 to y",
    ]


def test_captions_tell_words_where_the_rule_is_no_formula():
    graph = trace(lambda x: (x * x).sum(), np.ones(3, np.float32))
    assert captions(frames(graph))[-2:] == [
        "step 4 of 5, backward: sum sends |g| 1.73 (1 to each) to its input",
        "step 5 of 5, backward: × sends |g| 1.73 (b) to x; |g| 1.73 (a) to x",
    ]
