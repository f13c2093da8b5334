"""Before: one application with six steps, each started by its own spark-submit."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession


def main(step: str, data: str) -> None:
    """Do one step.

    :param step: name of the step
    :param data: directory with the input, and for the output of each step
    """
    spark = SparkSession.builder.appName(f"shop {step}").getOrCreate()
    if step == "extract":
        orders = spark.read.option("header", "true").csv(f"{data}/orders.csv")
        orders.write.mode("overwrite").parquet(f"{data}/extracted")
    elif step == "clean":
        orders = spark.read.parquet(f"{data}/extracted").dropDuplicates(["order_id"]).where("amount IS NOT NULL")
        orders.write.mode("overwrite").parquet(f"{data}/clean")
    elif step == "convert":
        orders = spark.read.parquet(f"{data}/clean").selectExpr("*", "CAST(amount AS DOUBLE) AS euros")
        orders.write.mode("overwrite").parquet(f"{data}/converted")
    elif step == "check":
        if spark.read.parquet(f"{data}/converted").where("euros < 0").count():
            raise ValueError("there are negative amounts")
    elif step == "revenue":
        spark.read.parquet(f"{data}/converted").createOrReplaceTempView("orders")
        revenue = spark.sql("SELECT country, SUM(euros) AS revenue FROM orders GROUP BY country")
        revenue.write.mode("overwrite").parquet(f"{data}/revenue")
    elif step == "export":
        spark.read.parquet(f"{data}/revenue").coalesce(1).write.mode("overwrite").json(f"{data}/export")


if __name__ == "__main__":
    main(*sys.argv[1:3])
