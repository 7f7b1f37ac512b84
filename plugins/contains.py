"""Has the answer these texts, and not those? All (or any) of `must_match`, and none of `must_not_match`."""

from gateway.evaluation.api import Evaluator, Exchange, Result
from gateway_plugins._answer import words_of
from gateway_plugins._matching import Conditions, spelled, verdict
from gateway_plugins._text import capped


class Contains(Evaluator[Conditions]):
    """Look for texts in an answer."""

    name = "contains"
    version = "1.0.0"
    Params = Conditions

    def evaluate(self, target: Exchange) -> Result:
        """Look for each."""
        params = self.params
        whole, evidence = capped(words_of(target))
        text = spelled(whole, params, fold=True)
        # What is looked for keeps its white space: it may be what matters.
        untrimmed = params.model_copy(update={"trim": False})
        wanted = [spelled(each, untrimmed, fold=True) in text for each in params.must_match]
        unwanted = [spelled(each, untrimmed, fold=True) in text for each in params.must_not_match]
        return verdict(wanted, unwanted, params.mode, evidence)
