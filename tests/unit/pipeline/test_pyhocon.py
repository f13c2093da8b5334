"""What this package needs of the installed pyhocon; it is undocumented, so a new version may change it."""

from __future__ import annotations

from pyhocon import ConfigFactory
from pyhocon.config_tree import ConfigSubstitution, ConfigTree, ConfigValues


def test_pyhocon_leaves_substitutions_and_what_they_are_joined_with_in_their_order() -> None:
    tree = ConfigFactory.parse_string("k0={k1=1,k2=${2}3,k4=${5}{k6=7}${8},k9=${10}[11,12],k13=${14}}", resolve=False)
    assert isinstance(tree, ConfigTree)
    assert [*tree["k0"].keys()] == ["k1", "k2", "k4", "k9", "k13"]
    assert tree["k0"]["k1"] == 1
    joined = [tree["k0"][key] for key in ("k2", "k4", "k9", "k13")]
    assert all(type(value) is ConfigValues for value in joined)
    variables = [[t.variable for t in value.tokens if isinstance(t, ConfigSubstitution)] for value in joined]
    assert variables == [["2"], ["5", "8"], ["10"], ["14"]]
    assert joined[0].tokens[1] == 3
    assert dict(joined[1].tokens[1]) == {"k6": 7}
    assert joined[2].tokens[1] == [11, 12]


def test_pyhocon_reads_lists_objects_and_what_is_joined_of_them() -> None:
    tree = ConfigFactory.parse_string(
        "k0=[1,[2],{k3=4},${5}],k6=[],k7={},k8={k9=10}{k11=12},k13=[14][15]", resolve=False
    )
    numbers = tree["k0"]
    assert numbers[:2] == [1, [2]]
    assert dict(numbers[2]) == {"k3": 4}
    assert [token.variable for token in numbers[3].tokens] == ["5"]
    assert tree["k6"] == []
    assert dict(tree["k7"]) == {}
    assert dict(tree["k8"]) == {"k9": 10, "k11": 12}
    assert tree["k13"] == [14, 15]
