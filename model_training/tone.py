"""The tone of a text, by a rule a person can check. In: a text. Out: `positive`, `neutral` or `warning`.

Words of promise are counted against words of warning, by their dictionary forms; «не» before a word turns it
over. It tells how a text speaks, not whether what it says is good for the reader.
"""

from model_training.morphology import content_lemmas_after_not

POSITIVE, NEUTRAL, WARNING = "positive", "neutral", "warning"
PROMISES = """
благодарность благоприятный вдохновение везение весёлый воодушевление выгода выгодный гармония
добиться добрый доверие достигнуть дружба интересный исполниться комплимент ладить лёгкий легко
любимый мечта награда надежда нежность неплохой обрадовать отличный плодотворный победа повезти
подарок поддержка подъём позитивный покой полезно полезный польза помогать помочь помощь порадовать
похвала праздник прекрасный прибыль признание приятно приятный радовать радостный радость
романтический свежий светлый симпатия смех согреть спокойно справиться справляться счастливый
счастие сюрприз талант творческий тепло тёплый удаваться удаться удача удачно удачный удовольствие
улыбка улыбнуться успех успешно успешный уют хороший хорошо щедрый
"""
ALARMS = """
беда беспокойство болезнь бояться враг вред вредный гнев грубый депрессия избегать избежать
испортить конфликт кризис лень лишний ложь меланхолия мешать напрасно напряжение
нарушить неблагоприятный недовольство недоразумение нелегко неприятность неприятный непростой
нервный неудача обида обидеть обман обмануть опасаться опасность опасный осторожно осторожность
осторожный отказаться ошибиться ошибка переутомление плохо плохой помеха помешать потеря потерять
потратить преграда препятствие проблема раздражение разногласие разочарование ревность резкий риск
рискованный рисковать слабость сложность сложный сомневаться сомнение спешить спешка спор спорить
ссора страх стресс терять торопиться трата тратить тревога тревожный трудно трудность трудный
упустить усталость устать утомительный утомить хлопоты чужой
"""
PROMISING, ALARMING = frozenset(PROMISES.split()), frozenset(ALARMS.split())
MARGIN = 2
"""A text leans to a side when that side has so many words more."""


def tone_of(text: str) -> str:
    """`positive`, `neutral` or `warning`."""
    balance = 0
    for lemma, is_denied in content_lemmas_after_not(text):
        side = (lemma in PROMISING) - (lemma in ALARMING)
        balance += -side if is_denied else side
    return POSITIVE if balance >= MARGIN else WARNING if balance <= -MARGIN else NEUTRAL
